# frozen_string_literal: true

require_relative "helper"
require "async"
require "timeout"

# SQL of the caller's own: what Ruby makes of values, blocks, threads and fibers. What it means is the conformance suite's.
class TestSql < Minitest::Test
  include StoreTests

  def setup
    super
    @table = "sql_#{SecureRandom.hex(6)}"
    store.execute("create table #{@table} (id int primary key, name text)")
  end

  def teardown
    store.execute("drop table #{@table}")
  end

  def ids(of = store)
    of.query("select id from #{@table} order by id").map { |row| row["id"] }
  end

  # SQL and the value it gives.
  VALUES = {
    "7::int2" => 7, "4611686018427387904::int8" => 2**62, "true" => true, "null" => nil, "1.5::float8" => 1.5, "'NaN'::float8" => Float::NAN,
    "'-Infinity'::float4" => -Float::INFINITY, "1.10::numeric" => BigDecimal("1.10"), "'NaN'::numeric" => BigDecimal("NaN"),
    "'é'::text" => "é", "'\\x00ff'::bytea" => "\x00\xff".b, "date '2026-02-28'" => Date.new(2026, 2, 28),
    "date 'infinity'" => "infinity", "timestamp '2026-01-02 03:04:05.25'" => Time.local(2026, 1, 2, 3, 4, 5.25r),
    "timestamptz '2026-01-02 03:04:05.123456+05:30'" => Time.utc(2026, 1, 1, 21, 34, 5.123456r),
    "timestamptz '-infinity'" => "-infinity", "'{\"a\":[1,null]}'::jsonb" => { "a" => [1, nil] }, "'null'::json" => nil,
    "interval '1 day'" => "1 day", "'{1,null,3}'::int[]" => [1, nil, 3], "'{{1,2},{3,4}}'::int8[]" => [[1, 2], [3, 4]],
    "'[0:1]={5,6}'::int[]" => [5, 6], "'{}'::text[]" => [], "array['a,b', '\"q\" \\ {', 'NULL', null, '']" => ["a,b", "\"q\" \\ {", "NULL", nil, ""],
    "array[true,false]" => [true, false], "array[1.5::numeric]" => [BigDecimal("1.5")], "array['2026-02-28'::date]" => [Date.new(2026, 2, 28)],
    "array['{\"a\": 1}'::jsonb]" => [{ "a" => 1 }], "array['\\x01'::bytea]" => ["\x01".b], "7::oid" => 7
  }.freeze

  def test_values_are_rubys
    VALUES.each do |sql, wanted|
      value = store.query("select #{sql} as v").first["v"]
      assert_instance_of wanted.class, value, sql
      assert value.eql?(wanted) || (value.respond_to?(:nan?) && value.nan? && wanted.nan?), "#{sql}: #{value.inspect}"
    end
  end

  def test_times_in_every_zone
    { "2026-01-02 03:04:05+00" => [Time.utc(2026, 1, 2, 3, 4, 5), 0], "2026-01-02 03:04:05.5-03:30" => [Time.utc(2026, 1, 2, 6, 34, 5.5r), -12_600],
      "1883-11-18 12:03:58.000001+00:19:32" => [Time.utc(1883, 11, 18, 11, 44, 26.000001r), 1172],
      "0001-01-01 00:00:00+14" => [Time.utc(0, 12, 31, 10), 50_400] }.each do |text, (time, offset)|
      assert_equal [time, offset], [StateKeep::Core.zoned_time(text), StateKeep::Core.zoned_time(text).utc_offset], text
    end
    ["infinity", "0044-03-15 00:00:00+00 BC", "10000-01-01 00:00:00+00", "2026-01-02 03:04:05", "2026-01-02 03:04:05.5", "2026-01-02 03:04:05+0",
     "2026-01-02 03:04:05+00:", "2026-01-02 25:04:05+00", ""].each { |text| assert_nil StateKeep::Core.zoned_time(text), text }
    assert_equal "0044-03-15 BC", store.query("select '0044-03-15 BC'::date as v").first["v"]
  end

  # Values that come back as they went, in the place of this type.
  def test_parameters_are_what_they_are
    now = Time.at(1_767_391_000, 123_456, :usec)
    [nil, true, false, 0, -1, 2**31, 2**63 - 1, 1.5, -0.0, Float::INFINITY, BigDecimal("1.10"), now, Date.new(2026, 2, 28), { "a" => [1, { "b" => nil }] },
     [1, 2, nil], [2**40, 1], [1, 1.5], [true], [BigDecimal("0.1")], [Date.new(2026, 1, 1)], [[1, 2], [3, 4]], [{ "a" => 1 }]].each do |value|
      found = store.query("select $1 as v", value).first["v"]
      assert_equal [value], [found]
    end
    { "text" => ["é\n", :symbol, "ascii".encode("US-ASCII"), "é".encode("ISO-8859-1"), "b".b], "bytea" => ["\x00\xff".b],
      "text[]" => [["a,b", nil, "", "null", "\"\\"]], "bytea[]" => [["\x00".b]], "numeric" => [2**70, 1], "smallint" => [3],
      "uuid" => ["6f1c6a3e-7f6b-4a53-9c52-0d9f3f6a0001"], "int[]" => [[]] }.each do |type, values|
      values.each do |value|
        wanted = value.is_a?(Symbol) || (value.is_a?(String) && type != "bytea") ? value.to_s.encode("UTF-8") : value
        assert_equal wanted, store.query("select $1::#{type} as v", value).first["v"]
      end
    end
    assert_equal "{\"n\": 0.10}", store.query("select $1::jsonb::text as v", StateKeep::Json.new('{"n":0.10}')).first["v"]
  end

  def test_what_cannot_be_a_parameter
    [Object.new, "a\0b", "\xff", [Object.new]].each { |value| assert_raises(StateKeep::Invalid) { store.query("select $1::text", value) } }
  end

  def test_rows
    rows = store.query("select 1 as a, 2 as a; select 'x' as b where false")
    assert_equal [[{ "a" => 2 }], [[1, 2]], %w[a a], "SELECT 1", 1], [rows.to_a, rows.lists, rows.columns, rows.command, rows.affected]
    assert_equal [[], %w[b]], [rows.more.first.to_a, rows.more.first.columns]
    assert_equal 3, store.execute("insert into #{@table} select n, 'x' from generate_series(1, 3) n")
    assert_nil store.query("set work_mem = '5MB'").columns
  end

  def test_refusals_say_where_and_what
    store.execute("insert into #{@table} values (1, 'a')")
    error = assert_raises(StateKeep::Conflict) { store.execute("insert into #{@table} values ($1, $2)", 1, "b") }
    assert_equal ["23505", "#{@table}_pkey", @table, "public"], [error.sqlstate, error.constraint, error.table, error.schema]
    error = assert_raises(StateKeep::Invalid) { store.query("select nam from #{@table}") }
    assert_equal [8, "42703"], [error.position, error.sqlstate]
    assert_includes error.hint, "name"
  end

  def test_a_transaction_commits_or_rolls_back
    assert_equal(:given, store.transaction { |tx| tx.execute("insert into #{@table} values (1)") && :given })
    assert_raises(RuntimeError) { store.transaction { |tx| tx.execute("insert into #{@table} values (2)") && raise("no") } }
    assert_nil(store.transaction { |tx| tx.execute("insert into #{@table} values (3)") && raise(StateKeep::Rollback) })
    catch(:left) { store.transaction { |tx| tx.execute("insert into #{@table} values (4)") && throw(:left) } }
    store.transaction do |tx|
      tx.execute("insert into #{@table} values (6)")
      break
    end
    store.transaction do |tx|
      tx.execute("insert into #{@table} values (7)")
      next
    end
    thread = Thread.new { store.transaction { |tx| tx.execute("insert into #{@table} values (5)") && sleep } }
    sleep 0.01 until thread.status == "sleep" && store.admin.stats["leases"]["out"] == 1
    thread.kill.join
    assert_equal [1, 7], ids
    error = assert_raises(StateKeep::Invalid) { store.transaction { |tx| tx.query("select 1/0") rescue nil } }
    assert_equal "25P02", error.sqlstate
  end

  # SQL that waits for the lock of the test's own, and has it until the end of its transaction.
  def lock
    "pg_advisory_xact_lock(hashtext('#{@table}'))"
  end

  # Has the thread interrupted in the end of a transaction, which waits behind a statement of another thread, and that for the
  # lock.
  def interrupt_end(lease, &block)
    locked = Queue.new
    ending = Queue.new
    await_held(store, 0)
    interrupting = interrupt_held(Thread.current, locked, ending)
    locked.pop
    assert_raises(Timeout::Error) { end_behind_another(lease, ending, &block) }
    interrupting.join
  end

  # A thread that has the lock until it has interrupted the other.
  def interrupt_held(thread, locked, ending)
    Thread.new do
      store.transaction do |tx|
        tx.query("select #{lock}")
        locked << true
        ending.pop
        await_held(store, 2)
        before = store.admin.stats["calls"]["CANCELLED"]
        thread.raise(Timeout::Error)
        sleep 0.01 while store.admin.stats["calls"]["CANCELLED"] == before
      end
    end
  end

  def end_behind_another(lease, ending)
    other = nil
    lease.transaction do |tx|
      other = Thread.new do
        tx.execute("insert into #{@table} select 2 from #{lock}")
      rescue StateKeep::Cancelled
        nil # with the lease
      end
      await_held(store, 1)
      ending << true
      yield if block_given?
    end
  ensure
    other.join
  end

  def test_an_interrupted_begin_leaves_no_transaction
    store.lease do |lease|
      lease.define_singleton_method(:query) do |sql, *parameters, **options|
        super(sql, *parameters, **options).tap { raise Timeout::Error if sql.start_with?("begin") } # as the answer arrives
      end
      assert_raises(Timeout::Error) { lease.transaction { flunk } }
      lease.execute("insert into #{@table} values (1)")
    end
    assert_equal [1], ids
  end

  def test_an_interrupted_commit_leaves_no_transaction
    store.lease do |lease|
      interrupt_end(lease)
      lease.execute("insert into #{@table} values (1)")
    end
    assert_equal [1], ids
  end

  def test_after_an_interrupted_rollback_the_lease_is_gone
    store.lease do |lease|
      interrupt_end(lease) { raise "no" }
      assert_raises(StateKeep::Invalid) { lease.execute("insert into #{@table} values (1)") }
    end
    assert_empty ids
  end

  def test_an_interrupted_savepoint_leaves_its_transaction
    store.transaction do |tx|
      tx.define_singleton_method(:query) do |sql, *parameters, **options|
        raise Timeout::Error if sql.start_with?("savepoint")

        super(sql, *parameters, **options)
      end
      assert_raises(Timeout::Error) { tx.transaction { flunk } }
      tx.execute("insert into #{@table} values (1)")
    end
    assert_equal [1], ids
  end

  def test_transactions_nest_by_savepoints
    store.transaction(isolation: :repeatable_read) do |tx|
      assert_equal "repeatable read", tx.query("show transaction_isolation").first.values.first
      tx.execute("insert into #{@table} values (1)")
      tx.transaction { |inner| inner.execute("insert into #{@table} values (2)") }
      assert_raises(StateKeep::Conflict) { tx.transaction { |inner| inner.execute("insert into #{@table} values (1)") } }
      tx.transaction { |inner| inner.execute("insert into #{@table} values (3)") && raise(StateKeep::Rollback) }
      assert_equal [1, 2], ids(tx)
    end
    assert_equal [1, 2], ids
    assert_raises(StateKeep::Invalid) { store.transaction(isolation: "none") { flunk } }
    assert_raises(StateKeep::Invalid) { store.transaction(read_only: true) { |tx| tx.execute("delete from #{@table}") } }
  end

  def test_a_stream_holds_few_rows
    store.execute("insert into #{@table} select n, repeat('x', 1000) from generate_series(1, 20000) n")
    seen = store.stream("select id from #{@table} where id > $1 order by id", 5, batch: 100).lazy.map { |row| row["id"] }.first(3)
    assert_equal [6, 7, 8], seen
    held = []
    store.stream("with all_of as (select * from #{@table}) select * from all_of", batch: 50).each_with_index do |_, index|
      next unless (index % 4000).zero?

      GC.start
      held << ObjectSpace.each_object(StateKeep::Rows).sum(&:size)
    end
    assert_equal 5, held.size
    assert_operator held.max, :<, 1000
  end

  def test_a_stream_leaves_what_else_runs_alone
    store.execute("insert into #{@table} select n, 'x' from generate_series(1, 100) n")
    assert_equal [{ "id" => 1 }], store.stream("update #{@table} set name = 'y' where id = 1 returning id").first(1)
    store.transaction do |tx|
      tx.stream("select id from #{@table} order by id", batch: 7) { |row| row["id"] < 5 ? tx.execute("update #{@table} set name = 'y' where id = $1", row["id"]) : break }
      assert_raises(StateKeep::Invalid) { tx.transaction { |inner| inner.stream("select 1/0 as v").to_a } }
    end
    store.lease do |lease|
      lease.stream("select id from #{@table} where id > 50", batch: 3) { |row| lease.execute("update #{@table} set name = 'z' where id = $1", row["id"]) && break }
      assert_equal 0, lease.query("select count(*) from pg_cursors where name like 'keep%'").first["count"]
      lease.query("begin")
      assert_equal 100, lease.stream("select * from #{@table}", batch: 30).count
      lease.execute("update #{@table} set name = 'lost'")
    end
    assert_equal({ "x" => 95, "y" => 4, "z" => 1 }, store.query("select name, count(*) from #{@table} group by name order by name").to_h(&:values))
  end

  def test_copies
    rows = [[1, "tab\tback\\slash\nline"], [2, nil], [3, "é"]]
    assert_equal 3, store.copy_in("copy #{@table} from stdin", rows)
    assert_equal rows, store.query("select * from #{@table} order by id").lists
    text = store.copy_out("copy (select * from #{@table} order by id) to stdout").to_a.join
    store.execute("delete from #{@table}")
    assert_equal 3, store.copy_in("copy #{@table} from stdin", StringIO.new(text))
    assert_equal rows, store.query("select * from #{@table} order by id").lists
    assert_equal(100_000, store.copy_in("copy #{@table} (id) from stdin") { |copy| 100_000.times { |i| copy << [i + 10] } })
    assert_equal 5, store.copy_in("copy #{@table} (id) from stdin (format csv)", "-1\n-2\n-3\n-4\n-5\n")
  end

  def test_a_copy_that_fails_stores_nothing
    assert_raises(KeyError) { store.copy_in("copy #{@table} from stdin") { |copy| (copy << [1, "x"]) && {}.fetch(:none) } }
    assert_raises(StateKeep::Conflict) { store.copy_in("copy #{@table} (id) from stdin", [[1], [1]]) }
    assert_raises(StateKeep::Invalid) { store.copy_in("copy #{@table} to stdout", "") }
    assert_raises(StateKeep::Invalid) { store.copy_in("copy #{@table} from stdin", [[Object.new, 1]]) }
    store.copy_in("copy #{@table} (id) from stdin") { |copy| (copy << [1]) && break }
    assert_empty ids
    store.lease do |lease|
      assert_equal 1, lease.copy_out("copy (select repeat('x', 1000) from generate_series(1, 1000000)) to stdout").first(1).size
      assert_equal [{ "one" => 1 }], lease.query("select 1 as one")
    end
  end

  def test_notifications
    store.lease do |lease|
      lease.listen("one", "Two \"quoted\"")
      store.notify("one", "é")
      store.notify("Two \"quoted\"")
      assert_equal [%w[one é], ["Two \"quoted\"", ""]], lease.notifications.first(2).map { |note| note.to_a.first(2) }
      assert_empty lease.notifications(timeout: 0.05).to_a
    end
  end

  def test_a_dropped_lease_is_reported_and_comes_back
    out = store.admin.stats["leases"]["out"]
    _, said = capture_io do
      Thread.new { 3.times { store.lease } }.join
      100.times do
        GC.start
        break if store.admin.stats["leases"]["out"] == out

        Array.new(1000) { +"" } && sleep(0.01)
      end
    end
    assert_equal out, store.admin.stats["leases"]["out"]
    assert_match(/the lease taken at #{Regexp.escape(__FILE__)}:\d+:in .* was never given back/, said)
  end

  def test_a_lease_given_back_serves_no_more
    lease = store.lease
    2.times { lease.close }
    assert_raises(StateKeep::Invalid) { lease.query("select 1") }
  end

  def test_fibers_wait_for_leases_and_statements
    Async do |task|
      store.transaction do |locking|
        locking.query("select #{lock}")
        waiting = Array.new(8) do |number|
          task.async { store.transaction { |tx| tx.execute("insert into #{@table} select $1 from #{lock}", number) } }
        end
        10.times { task.sleep(0.01) }
        assert waiting.all?(&:running?)
      end
    end
    assert_equal (0...8).to_a, ids
  end

  def test_timeouts_end_what_waits_on_a_lease
    blocker = "select pg_sleep(100)"
    assert_within(15) { assert_raises(Timeout::Error) { Timeout.timeout(0.1) { store.transaction { |tx| tx.query(blocker) } } } }
    Async do |task|
      assert_within(15) { assert_raises(Async::TimeoutError) { task.with_timeout(0.1) { store.lease { |lease| lease.query(blocker) } } } }
    end
    error = nil
    20.times do # a busy server says only after the engine has waited for it that it stopped the statement
      error = assert_raises(StateKeep::Deadline, StateKeep::Unknown) { store.query(blocker, timeout: 0.05) }
      break if error.is_a?(StateKeep::Deadline)
    end
    assert_equal "DEADLINE", error.status
    leases = Array.new(3) { store.lease }
    assert_within(15) { assert_raises(Timeout::Error) { Timeout.timeout(0.1) { store.lease } } }
    assert_raises(StateKeep::Deadline) { store.lease(timeout: 0.05) }
    leases.each(&:close)
    assert_equal 1, store.lease { |lease| lease.query("select 1 as one").first["one"] }
  end

  def test_a_stopped_fiber_leaves_no_lease
    Async do |task|
      8.times.map { task.async { store.transaction { |tx| tx.query("select pg_sleep(100)") } } }.then do |tasks|
        task.sleep(0.1)
        tasks.each(&:stop)
      end
      assert_equal([{ "one" => 1 }], store.transaction(timeout: 20) { |tx| tx.query("select 1 as one") })
    end
    assert_equal 0, store.admin.stats["leases"]["out"]
  end

  def test_threads_share_few_leases
    sums = Array.new(32) do |number|
      Thread.new { store.transaction { |tx| tx.execute("insert into #{@table} values ($1)", number) } }
    end.sum(&:value)
    assert_equal [32, (0...32).to_a], [sums, ids]
  end

  def test_killed_takers_leave_no_lease
    30.times do
      thread = Thread.new { store.lease { |lease| lease.query("select 1") } }
      sleep rand * 0.002
      thread.kill.join
    end
    assert_equal 0, store.admin.stats["leases"]["out"]
  end
end
