# frozen_string_literal: true

require "fileutils"
require "minitest/autorun"
require "securerandom"
require "socket"
require "tmpdir"
require "statekeep"

# Nothing runs in parallel, and idle workers would keep a call's thread from being the only one, which waits in a way of its own.
Minitest.parallel_executor = Minitest::Parallel::Executor.new(0)

# The server: $STATEKEEP_TEST_DSN, else an embedded one in a directory that goes away with the tests.
TEST_DSN = ENV.fetch("STATEKEEP_TEST_DSN") do
  directory = Dir.mktmpdir("statekeep-ruby")
  FileUtils.chmod(0o755, directory) # for the account that runs the server when this is root
  owner = Process.pid
  Minitest.after_run { StoreTests.remove(directory) if Process.pid == owner }
  "embedded:#{directory}/data"
end

module StoreTests
  # One store for all tests; it also keeps an embedded server up between them.
  def self.shared
    @shared ||= StateKeep.open(TEST_DSN).tap { |store| store.state.setup }
  end

  # Ends an embedded server, which stops when nobody uses it any more, and removes its directory.
  def self.remove(directory)
    shared.close
    500.times { Dir.glob("#{directory}/**/postmaster.pid").empty? ? break : sleep(0.02) }
    FileUtils.rm_rf(directory)
  end

  def store
    StoreTests.shared
  end

  # An agent's name that no other test has.
  attr_reader :agent

  # Here and not at the first use, which may be many threads' at once.
  def setup
    @agent = SecureRandom.hex(8)
    store
  end

  # How many of the shared store's connections ended before it wanted them to.
  def lost_connections
    store.admin.stats["connections"]["lost"]
  end

  # A store whose server accepts connections and never says a word, so that calls wait for as long as they may.
  def with_silent_store(**options)
    TCPServer.open("127.0.0.1", 0) do |server|
      dsn = "host=127.0.0.1 port=#{server.addr[1]} user=nobody dbname=nothing"
      silent = StateKeep.open(dsn, connect_ms: 60_000, **options)
      begin
        yield silent
      ensure
        silent.close(timeout: 0)
      end
    end
  end

  # For bounds that only tell a call that ended by itself from one that waited for a limit: far from both.
  def assert_within(seconds, message = nil)
    began = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    result = yield
    assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC) - began, :<, seconds, message
    result
  end

  # Waits until the engine holds `count` calls of a store.
  def await_held(of, count)
    1000.times do
      # The statistics are a call of their own.
      return if of.admin.stats["calls"]["held"] == count + 1

      sleep 0.01
    end
    flunk "the engine never held #{count} calls"
  end

  # What was let go after it was sent is held until its answer has come, and that is taken in while somebody calls.
  def assert_nothing_held
    20.times { store.admin.ping || sleep(0.01) }
    await_held(store, 0)
  end
end
