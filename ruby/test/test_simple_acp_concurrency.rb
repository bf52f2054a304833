# frozen_string_literal: true

require_relative "simple_acp_helper"
require "async"

# Many callers at once, in threads, fibers and processes.
class TestSimpleAcpConcurrency < Minitest::Test
  include SimpleAcpTests

  # Calls that every thread must at least have made for a comparison.
  FEW = 20

  def test_240_saves_of_new_runs_make_one_row_each
    errors = Thread::Queue.new
    60.times do |round|
      Array.new(4) do
        Thread.new do
          storage.save_run(a_run(run_id: "r#{round}"))
          storage.save_session(Models::Session.new(id: "s#{round}"))
        rescue StandardError => e
          errors << e
        end
      end.each(&:join)
    end
    assert_equal 0, errors.size, errors.empty? || errors.pop.message
    assert_equal [60, 60], [storage.list_runs[:total], @db[Sequel.qualify(@schema, :acp_sessions)].count]
  end

  def test_240_saves_of_one_run_at_once_leave_one_row
    storages = [storage, open]
    Array.new(240) { |i| Thread.new { storages[i % 2].save_run(a_run(run_id: "r", status: "s#{i}")) } }.each(&:join)
    assert_equal 1, storage.list_runs[:total]
  end

  def test_64_threads_share_4_connections_fairly
    stored = open(url: url(max_connections: 4))
    counts = Array.new(64, 0)
    start = Queue.new
    enough = false
    threads = Array.new(64) do |number|
      Thread.new do
        start.pop
        until enough
          stored.save_run(a_run(run_id: "r#{number}"))
          counts[number] += 1
          enough = true if counts.min >= FEW
        end
      end
    end
    sleep 0.01 until start.num_waiting == threads.size
    start.close
    threads.each(&:join)
    assert_operator counts.max, :<=, 3 * counts.min
  end

  # The one connection is busy with a call that waits for a lock; it goes on to its end, the other one is not sent.
  def test_a_connection_is_waited_for_as_long_as_the_pool_timeout_says
    settings = StateKeep::SimpleAcp::Settings
    assert_equal [5, 0.5], [settings.pool_timeout(url: url), settings.pool_timeout(url: url(pool_timeout: "0.5"))]
    short = { max_connections: 1, pool_timeout: 0.1 } # shorter than a call waits for the lock in one go (lock_ms)
    [open(url: url(**short)), open(db: handle(**short))].each do |stored|
      stored.save_run(a_run(run_id: "locked"))
      saving = nil
      @db.transaction do
        @db.run("lock table #{@schema}.acp_runs")
        saving = Thread.new { stored.save_run(a_run(run_id: "locked", status: "late")) }
        waiting = @db["select from pg_locks where relation = ?::regclass and not granted", "#{@schema}.acp_runs"]
        sleep 0.01 while waiting.all.empty?
        error = assert_raises(Sequel::PoolTimeout) { 100.times { stored.get_session("s") } }
        assert_instance_of StateKeep::Deadline, error.wrapped_exception
      end
      saving.value
      assert_equal "late", stored.get_run("locked").status
    end
  end

  def test_fibers_of_200_rounds_under_async
    done = 0
    Async do |task|
      20.times do |number|
        task.async do
          10.times do |round|
            id = "r#{number}-#{round}"
            storage.save_run(a_run(run_id: id))
            storage.add_event(id, Models::GenericEvent.new(data: id))
            done += 1 if storage.get_run(id).run_id == id && storage.get_events(id).map(&:data) == [id]
          end
        end
      end
    end
    assert_equal 200, done
  end

  def test_a_transaction_of_one_fiber_is_not_the_others
    db = handle
    stored = open(db: db)
    Async do |task|
      task.async do
        db.transaction do
          stored.save_run(a_run(run_id: "inside"))
          task.sleep(0.1)
          raise Sequel::Rollback
        end
      end
      task.async { stored.save_run(a_run(run_id: "outside")) }
    end
    assert_equal %w[outside], stored.list_runs[:runs].map(&:run_id)
  end

  def test_appends_at_once_lose_nothing
    Array.new(20) { |i| Thread.new { storage.append_messages("s", [Models::Message.user(i.to_s)]) } }.each(&:join)
    assert_equal (0...20).map(&:to_s).sort, storage.get_session("s").history.map(&:text_content).sort
  end

  def test_12_first_uses_at_once_all_succeed
    Array.new(12) { Thread.new { open.ping } }.each { |thread| assert_equal true, thread.value }
  end

  def test_events_of_a_thread_keep_their_order
    Array.new(8) do |number|
      Thread.new { 20.times { |i| storage.add_event("r", Models::GenericEvent.new(data: [number, i])) } }
    end.each(&:join)
    by_thread = storage.get_events("r", limit: nil).map(&:data).group_by(&:first).transform_values { |all| all.map(&:last) }
    assert_equal (0...8).to_h { |number| [number, (0...20).to_a] }, by_thread
  end

  def test_a_forked_child_goes_on_alone
    storage.save_run(a_run(run_id: "r"))
    reader, writer = IO.pipe
    child = fork do
      writer.write(storage.get_run("r").run_id)
      writer.close
      exit!(0)
    end
    writer.close
    Process.wait(child)
    assert_equal "r", reader.read
    assert_equal "r", storage.get_run("r").run_id
  end
end
