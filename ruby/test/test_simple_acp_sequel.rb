# frozen_string_literal: true

require_relative "simple_acp_helper"

# The storage beside Sequel: the caller's handle and transactions, rows of either read by the other, zones.
class TestSimpleAcpSequel < Minitest::Test
  include SimpleAcpTests

  def test_a_handle_gives_the_database_and_its_transactions
    db = handle(max_connections: 10, pool_timeout: 10, connect_timeout: 5)
    stored = open(db: db)
    assert_same db, stored.instance_variable_get(:@db)
    seen = nil
    db.transaction do
      said = Models::Message.agent("quote \" back \\ nul \u0000 é")
      stored.save_run(a_run(run_id: "r", session_id: "s").complete!([said]))
      stored.add_event("r", Models::GenericEvent.new(data: 1))
      stored.save_session(Models::Session.new(id: "s"))
      inside = [stored.get_run("r").output.map(&:to_h), stored.get_events("r").map(&:data), stored.list_runs[:total],
                stored.list_runs(session_id: "s")[:runs].size, stored.get_session("s").history, stored.get_run("none")]
      assert_equal [[said.to_h], [1], 1, 1, [], nil], inside
      seen = Thread.new { stored.get_run("r") }.value
      raise Sequel::Rollback
    end
    assert_nil seen
    assert_equal [nil, [], 0], [stored.get_run("r"), stored.get_events("r"), stored.list_runs[:total]]
  end

  def test_a_transaction_commits_what_the_storage_did_in_it
    db = handle
    stored = open(db: db)
    db.transaction do
      stored.save_run(a_run(run_id: "r"))
      db.transaction(savepoint: true) do
        assert_equal 1, stored.delete_run("r")
        raise Sequel::Rollback
      end
      db[:acp_runs].where(run_id: "r").update(status: "failed")
    end
    assert_equal "failed", stored.get_run("r").status
  end

  def test_errors_inside_a_transaction_are_sequels
    db = handle
    stored = open(db: db)
    db.run("alter table acp_runs add check (status <> 'bad')")
    2.times do |inside|
      call = -> { stored.save_run(a_run(status: "bad")) }
      assert_raises(Sequel::CheckConstraintViolation) { inside.zero? ? call.call : db.transaction { call.call } }
    end
  end

  def test_a_storage_can_be_made_inside_a_transaction
    db = handle
    db.transaction do
      open(db: db).save_run(a_run(run_id: "r"))
      raise Sequel::Rollback
    end
    assert_empty db.tables
  end

  def test_frozen_handles_have_transactions_too
    db = handle.freeze
    stored = open(db: db)
    db.transaction do
      stored.save_run(a_run(run_id: "r"))
      raise Sequel::Rollback
    end
    assert_nil stored.get_run("r")
  end

  def test_other_threads_and_fibers_stay_outside
    db = handle(max_connections: 1)
    stored = open(db: db)
    Fiber.new do
      db.transaction do
        Fiber.yield
        raise Sequel::Rollback
      end
    end.tap do |inside|
      inside.resume
      stored.save_run(a_run(run_id: "kept"))
      inside.resume
    end
    assert_equal "kept", stored.get_run("kept").run_id
  end

  def test_the_handle_of_a_url_is_there_when_it_is_wanted
    stored = open
    db = stored.instance_variable_get(:@db)
    db.transaction do
      stored.save_run(a_run(run_id: "r", agent_name: "chat"))
      assert_equal 1, db[:acp_runs].count
      raise Sequel::Rollback
    end
    assert_nil stored.get_run("r")
    assert_kind_of Sequel::Database, stored.instance_variable_get(:@db)
  end

  # The queries and the maintenance that the peer's documentation shows, its syntax error corrected.
  def test_documented_queries
    stored = open
    { "old" => 100 * 86_400, "chat" => 1, "chat " => 2 }.each_with_index do |(name, age), i|
      stored.save_run(a_run(run_id: "r#{i}", agent_name: name.strip, created_at: Time.now - age))
    end
    db = stored.instance_variable_get(:@db)
    recent = db[:acp_runs].where(agent_name: "chat").where { created_at > Time.now - 3600 }
                          .order(Sequel.desc(:created_at)).limit(10).all
    assert_equal %w[r1 r2], recent.map { |row| row[:run_id] }
    totals = db[:acp_runs].group(:agent_name).select { [agent_name, count.function.*.as(total)] }.all
    assert_equal({ "old" => 1, "chat" => 2 }, totals.to_h { |row| [row[:agent_name], row[:total]] })
    db.run("create table acp_runs_archive (like acp_runs)")
    db.run("insert into acp_runs_archive select * from acp_runs where created_at < now() - interval '90 days'")
    db.run("delete from acp_runs where created_at < now() - interval '90 days'")
    assert_equal [1, 2], [db[:acp_runs_archive].count, stored.list_runs[:total]]
    %w[acp_runs acp_sessions acp_events].each { |table| db.run("vacuum analyze #{table}") }
    db.run("create index idx_runs_created on acp_runs(created_at)")
    assert_equal 2, open.list_runs[:total]
  end

  # A replica is a server that refuses to write; the tables are there already, so that nothing has to be made.
  def test_a_read_replica_serves_reads
    open.save_run(a_run(run_id: "r"))
    role = "reader_#{@schema}"
    @db.run("create role #{role} login; alter role #{role} set default_transaction_read_only = on; " \
            "grant usage on schema #{@schema} to #{role}; grant all on all tables in schema #{@schema} to #{role}")
    [{ url: url(user: role) }, { url: url(user: role), skip_setup: true },
     { db: handle(user: role, servers: { read_only: { user: role } }) }].each do |options|
      replica = open(**options)
      assert_equal ["r", 1, [], nil, true], [replica.get_run("r").run_id, replica.list_runs[:total], replica.get_events("r"),
                                             replica.get_session("none"), replica.ping]
      assert_raises(Sequel::DatabaseError) { replica.save_run(a_run) }
      assert_equal "r", replica.get_run("r").run_id
    end
  ensure
    @db.run("drop owned by #{role}; drop role #{role}")
  end

  def test_partitioned_events_made_by_hand_serve
    db = handle
    db.run("create table acp_events (id serial, run_id varchar not null, event_type varchar not null, data text, " \
           "created_at timestamp) partition by range (created_at)")
    db.run("create table acp_events_now partition of acp_events for values from ('2000-01-01') to ('2100-01-01')")
    stored = open
    3.times { |i| stored.add_event("r", Models::GenericEvent.new(data: i)) }
    assert_equal [[0, 1, 2], 3], [stored.get_events("r").map(&:data), db[:acp_events_now].count]
    assert_equal 0, stored.delete_run("r")
    assert_equal 0, db[:acp_events].count
  end

  # The same calls as the peer's statements, written and read crosswise.
  def test_rows_of_either_are_read_by_the_other
    stored = open
    db = handle
    run = a_run(run_id: "r", session_id: "s").complete!([Models::Message.agent("é\u0000")])
    row = { run_id: "p", agent_name: "echo", session_id: "s", status: "completed", output: run.output.to_json, error: nil,
            await_request: nil, created_at: run.created_at, finished_at: run.finished_at, updated_at: Time.now }
    db[:acp_runs].insert(row)
    stored.save_run(run)
    ours, theirs = %w[r p].map { |id| db[:acp_runs].where(run_id: id).first.except(:run_id, :updated_at) }
    assert_equal theirs, ours
    assert_equal stored.get_run("p").to_h.except(:run_id), stored.get_run("r").to_h.except(:run_id)
    assert_in_delta Time.now, db[:acp_runs].where(run_id: "r").get(:updated_at), 60

    event = Models::RunCreatedEvent.new(run: run)
    db[:acp_events].insert(run_id: "r", event_type: event.type, data: event.to_json, created_at: Time.now)
    stored.add_event("r", event)
    assert_equal 1, db[:acp_events].select_map(%i[event_type data]).uniq.size
    assert_equal 1, stored.get_events("r").map(&:to_json).uniq.size

    session = Models::Session.new(id: "o").add_to_history(Models::Message.user("x")).set_state({ "n" => 0.1 })
    db[:acp_sessions].insert(id: "t", history: session.history.to_json, state: session.state.to_json,
                             created_at: Time.now, updated_at: Time.now)
    stored.save_session(session)
    assert_equal 1, db[:acp_sessions].select_map(%i[history state]).uniq.size
    assert_equal stored.get_session("t").to_h.except(:id), stored.get_session("o").to_h.except(:id)
  end

  def test_the_tables_are_the_peers
    open
    assert_equal [:run_id], handle.schema(:acp_runs).filter_map { |name, facts| name if facts[:primary_key] }
    assert_equal %i[acp_runs_agent_name_index acp_runs_session_id_index], handle.indexes(:acp_runs).keys.sort
    assert_equal [:acp_events_run_id_index], handle.indexes(:acp_events).keys
  end

  # What the gem's models do to their Times when they are written as JSON.
  def test_a_time_turned_to_utc_is_stored_as_before
    output = ruby(<<~RUBY, "TZ" => "America/New_York")
      require "statekeep/simple_acp"
      storage = SimpleAcp::Storage::PostgreSQL.new
      at = Time.at(1_767_391_000)
      run = SimpleAcp::Models::Run.new(run_id: "r", agent_name: "a", created_at: at)
      2.times { storage.save_run(run) && at.utc }
      run.finished_at = "2026-01-02 16:56:40"
      storage.save_run(run)
      found = storage.get_run("r")
      print found.created_at.to_i, " ", found.created_at.utc_offset, " ", found.finished_at == found.created_at
    RUBY
    assert_equal "1767391000 -18000 true", output
  end

  def test_saving_leaves_a_time_as_it_is
    at = Time.new(2026, 1, 2, 17, 13, 20, "-05:00")
    storage.save_run(a_run(run_id: "r", created_at: at))
    assert_equal(-5 * 3600, at.utc_offset)
    assert_equal at, storage.get_run("r").created_at
  end

  def test_what_is_no_time_is_a_database_error
    ["no time", 7].each { |value| assert_raises(Sequel::DatabaseError) { storage.save_run(a_run(created_at: value)) } }
    { DateTime.new(2026, 1, 2, 3, 4, 5) => Time.utc(2026, 1, 2, 3, 4, 5), Date.new(2026, 1, 2) => Time.local(2026, 1, 2),
      "2026-01-02T03:04:05+01:00" => Time.utc(2026, 1, 2, 2, 4, 5) }.each do |value, wanted|
      storage.save_run(a_run(run_id: "r", created_at: value))
      assert_equal wanted, storage.get_run("r").created_at
    end
  end

  ZONES = <<~RUBY
    require "sequel"
    require "statekeep/simple_acp"
    Sequel.default_timezone = :utc if ENV["ZONE"] == "utc"
    storage = SimpleAcp::Storage::PostgreSQL.new
    storage.save_run(SimpleAcp::Models::Run.new(run_id: "r", agent_name: "a", created_at: Time.at(1_767_391_000, 123_456)))
    db = storage.instance_variable_get(:@db)
    times = [storage.get_run("r").created_at, db[:acp_runs].get(:created_at)]
    print times.map { |time| [time.to_r.to_f.round(6), time.utc_offset].join("/") }.uniq.join(" "), " ",
          db.fetch("select created_at::text as at from acp_runs").get(:at)
  RUBY

  def test_zones_are_sequels
    { { "TZ" => "America/New_York" } => "1767391000.123456/-18000 2026-01-02 16:56:40.123456",
      { "TZ" => "America/New_York", "ZONE" => "utc" } => "1767391000.123456/0 2026-01-02 21:56:40.123456",
      { "TZ" => "UTC" } => "1767391000.123456/0 2026-01-02 21:56:40.123456" }.each do |env, wanted|
      assert_equal wanted, ruby(ZONES, env)
    end
  end
end
