# frozen_string_literal: true

# Compares the drop-in for SimpleAcp::Storage::PostgreSQL with Sequel doing the peer's statements, in one run on one server.
#
#   bench.rb URL [--rounds 5] [--seconds 1] [--callers 1,16,64] [--connections 4] [--only get_run,…] [--fibers] [--plain]
#
# Both sides use the same models, each its own schema with the same tables and rows; a round runs both in turn, who goes
# first alternates, and the ratio of a round is one figure. With --fibers callers are fibers under Async instead of
# threads, and Sequel gets its extension for them, without which it fails. --connections is for both; 4 is what either has
# when nobody says otherwise.
# Sequel reads rows with its C accelerator sequel_pg where that is installed, or with --plain without.
# Prints JSON in the form of the other benches. A missed floor is reported, not an error.
require "json"
require "optparse"
require "statekeep/simple_acp"
require_relative "peer"

# The pieces that both sides store.
module Material
  include SimpleAcp

  FILLED = 1000
  TEXT = "all work and no play makes jack a dull boy " * 6

  module_function

  def messages(count)
    Array.new(count) { |i| i.even? ? Models::Message.user("#{TEXT} #{i}") : Models::Message.agent("#{TEXT} #{i}").complete! }
  end

  def run(id)
    Models::Run.new(run_id: id, agent_name: "agent #{id.hash % 10}", session_id: "session").complete!(OUTPUT)
  end

  def event(number)
    case number % 3
    when 0 then Models::MessageCreatedEvent.new(message: OUTPUT.first)
    when 1 then Models::MessagePartEvent.new(part: OUTPUT.first.parts.first)
    else Models::MessageCompletedEvent.new(message: OUTPUT.last)
    end
  end

  def session(id, history)
    Models::Session.new(id: id, history: history, state: { "step" => 1 })
  end

  OUTPUT = messages(3)
  HISTORY = { 50 => messages(50), 1000 => messages(1000) }.freeze
end

# Each takes a side and a number, which no other call of a round has.
WORKLOADS = {
  "save_run_new" => ->(side, n) { side.save_run(Material.run("new #{n}")) },
  "save_run_again" => ->(side, n) { side.save_run(Material.run("r#{n % Material::FILLED}")) },
  "get_run" => ->(side, n) { side.get_run("r#{n * 7919 % Material::FILLED}").run_id },
  "add_event" => ->(side, n) { side.add_event("r#{n % Material::FILLED}", Material.event(n)) },
  "get_events_100" => ->(side, _) { side.get_events("long", limit: 100).fetch(99) },
  "save_session_50" => ->(side, n) { side.save_session(Material.session("s#{n % 100}", Material::HISTORY[50])) },
  "save_session_1000" => ->(side, n) { side.save_session(Material.session("s#{n % 100}", Material::HISTORY[1000])) }
}.freeze

# What the project promises, ours over theirs.
def floor(workload, callers)
  return 2 if workload.start_with?("get_events", "save_session")
  return 1.3 if callers == 1

  workload == "get_run" ? 2 : 2.5
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def fill(admin, schema)
  admin.run("truncate #{%w[runs sessions events].map { |table| "#{schema}.acp_#{table}" }.join(", ")}")
  admin[<<~SQL, Material::OUTPUT.to_json, Material::FILLED - 1].insert
    insert into #{schema}.acp_runs (run_id, agent_name, session_id, status, output, created_at, finished_at, updated_at)
    select 'r' || n, 'agent ' || n % 10, 'session', 'completed', ?, now(), now(), now() from generate_series(0, ?) as n
  SQL
  admin.run("insert into #{schema}.acp_sessions (id, history) select 's' || n, '[]' from generate_series(0, 99) as n")
  3.times do |kind|
    event = Material.event(kind)
    admin[<<~SQL, event.type, event.to_json].insert
      insert into #{schema}.acp_events (run_id, event_type, data, created_at)
      select 'long', ?, ?, now() + n * interval '3 ms' from generate_series(1, 50) as n
    SQL
  end
  admin.run("analyze #{schema}.acp_runs, #{schema}.acp_sessions, #{schema}.acp_events")
end

# Calls a second that `callers` get done, each waiting for its call before the next one.
def rate(side, work, callers, options)
  done = Array.new(callers, 0)
  number = -1
  begun = now
  ending = begun + options[:seconds]
  works = lambda do |index|
    while now < ending
      work.call(side, number += 1)
      done[index] += 1
    end
  end
  together(callers, options[:fibers], &works)
  done.sum / (now - begun)
end

def together(callers, fibers, &works)
  return Array.new(callers) { |i| Thread.new { works.call(i) } }.each(&:join) unless fibers

  Async { |task| callers.times { |i| task.async { works.call(i) } } }
end

def spread(values)
  sorted = values.sort
  middle = (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2.0
  [sorted.first, middle, sorted.last].map { |figure| figure.round(3) }
end

def compare(sides, admin, workload, callers, options)
  rates = sides.keys.to_h { |name| [name, []] }
  options[:rounds].times do |round|
    order = round.even? ? sides.keys : sides.keys.reverse
    order.each do |name|
      fill(admin, "bench_#{name}")
      rates[name] << rate(sides[name], WORKLOADS[workload], callers, options)
    end
  end
  ours, theirs = rates.values_at("statekeep", "sequel")
  row = { workload: workload, callers: callers, floor: floor(workload, callers), statekeep_per_second: spread(ours),
          sequel_per_second: spread(theirs), ratio: spread(ours.zip(theirs).map { |a, b| a / b }) }
  warn format("%-18s %3d callers: %s", workload, callers, row[:ratio].inspect)
  row
end

options = { rounds: 5, seconds: 1.0, callers: [1, 16, 64], connections: 4, fibers: false, only: WORKLOADS.keys }
OptionParser.new do |parser|
  parser.on("--rounds N", Integer)
  parser.on("--seconds N", Float)
  parser.on("--callers LIST", Array) { |list| list.map { |text| Integer(text) } }
  parser.on("--connections N", Integer)
  parser.on("--only LIST", Array)
  parser.on("--fibers")
  parser.on("--plain")
end.parse!(into: options)
abort "usage: bench.rb URL" if ARGV.size != 1
if options[:fibers]
  require "async"
  Sequel.extension :fiber_concurrency
end

$LOADED_FEATURES << "sequel_pg.rb" if options[:plain] # what is loaded already is not looked for

url = ARGV.first
schema_url = lambda do |name|
  "#{url}#{url.include?("?") ? "&" : "?"}search_path=bench_#{name}&max_connections=#{options[:connections]}"
end
admin = Sequel.connect(url)
%w[statekeep sequel].each { |name| admin.run("create schema bench_#{name}") }
begin
  SimpleAcp::Storage::PostgreSQL.new(url: schema_url.call("sequel")).close
  sides = { "statekeep" => SimpleAcp::Storage::PostgreSQL.new(url: schema_url.call("statekeep")),
            "sequel" => Peer.new(schema_url.call("sequel"), options[:connections]) }
  rows = options[:only].product(options[:callers]).map do |workload, callers|
    compare(sides, admin, workload, callers, options)
  end
  machine = { ruby: RUBY_VERSION, sequel: Sequel.version, sequel_pg: Sequel::Postgres.respond_to?(:supports_streaming?),
              pg: PG::VERSION, server: admin.get(Sequel.lit("current_setting('server_version')")),
              fsync: admin.get(Sequel.lit("current_setting('fsync')")), fibers: options[:fibers],
              connections: options[:connections],
              rounds: options[:rounds], seconds: options[:seconds] }
  puts JSON.pretty_generate(machine: machine, rows: rows)
ensure
  sides&.each_value(&:close)
  %w[statekeep sequel].each { |name| admin.run("drop schema bench_#{name} cascade") }
end
