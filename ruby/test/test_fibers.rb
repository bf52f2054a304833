# frozen_string_literal: true

require_relative "helper"
require "async"
require "async/barrier"

class TestFibers < Minitest::Test
  include StoreTests

  def test_fibers_of_200_rounds_get_their_own_answers
    wrong = []
    Async do |task|
      32.times do |number|
        task.async do
          200.times do |round|
            state = [number, round]
            store.state.save(agent_id: agent, session_id: "f#{number}", state: state)
            loaded = store.state.load(agent_id: agent, session_id: "f#{number}")
            wrong << [state, loaded] unless loaded == state
          end
        end
      end
    end
    assert_empty wrong
  end

  def test_other_fibers_run_while_one_waits
    with_silent_store do |silent|
      Async do |task|
        waiting = task.async { silent.admin.ping }
        5.times { task.sleep(0.01) }
        assert_predicate waiting, :running?
        waiting.stop
        assert_raises(StateKeep::Deadline) { silent.call("admin.ping", timeout: 0.1) }
      end
    end
  end

  def test_stopped_leader_hands_over
    with_silent_store do |silent|
      Async do |task|
        leader = task.async { silent.admin.ping }
        follower = task.async { silent.call("admin.ping", timeout: 0.3) rescue $!.status }
        leader.stop
        assert_within(15) { assert_equal "DEADLINE", follower.wait }
        assert_equal 1, silent.admin.stats["calls"]["CANCELLED"]
        assert_equal 1, silent.admin.stats["calls"]["held"]
      end
    end
  end

  def test_with_timeout_ends_the_wait
    with_silent_store do |silent|
      Async do |task|
        assert_raises(Async::TimeoutError) { task.with_timeout(0.1) { silent.admin.ping } }
        assert_equal 1, silent.admin.stats["calls"]["held"]
      end
    end
  end

  def test_a_thousand_random_stops_lose_and_swap_nothing
    lost = lost_connections
    random = Random.new(11)
    swapped = []
    stopped = 0
    Async do |task|
      tasks = Array.new(32) { |number| task.async { work(number, swapped) } }
      1000.times do |round|
        task.sleep(random.rand * 0.002)
        number = random.rand(tasks.size)
        stopped += 1 if tasks[number].running?
        tasks[number].stop
        tasks[number] = task.async { work("#{number}.#{round}", swapped) }
      end
      tasks.each(&:stop)
    end
    assert_empty swapped
    assert_equal 1000, stopped
    assert_equal lost, lost_connections
    assert_nothing_held
  end

  def test_reactors_of_several_threads_share_a_store_with_plain_threads
    reactors = Array.new(3) do |reactor|
      Thread.new do
        swapped = []
        Async do |task|
          barrier = Async::Barrier.new(parent: task)
          16.times { |number| barrier.async { work("#{reactor}.#{number}", swapped, 30) } }
          barrier.wait
        end
        swapped
      end
    end
    threads = Array.new(8) { |number| Thread.new { work("t#{number}", [], 60) } }
    assert_within(100) { assert_empty((reactors + threads).flat_map(&:value)) }
  end

  def test_a_reactor_that_is_held_up_does_not_hold_up_another
    held_up = Queue.new
    go_on = Queue.new
    leads = Thread.new do
      Async do |task|
        task.async { store.admin.ping }
        # A blocking fiber's wait stops the whole reactor, and with it the fiber that leads.
        Fiber.new(blocking: true) { held_up << true && go_on.pop }.resume
      end.wait
    end
    held_up.pop
    follows = Thread.new { Async { store.admin.ping }.wait }
    assert follows.join(20), "the second reactor waits for the first"
  ensure
    go_on << true
    leads.join
  end

  def test_a_blocking_fiber_leaves_the_reactor_its_wake_up
    descriptor = StateKeep::Core.io(store.instance_variable_get(:@handle))
    refused = -> { store.admin.stats["calls"]["INVALID"] }
    Async do |task|
      before = refused.call
      waiting = task.async { store.state.save(agent_id: agent, session_id: "s", state: StateKeep::Json.new("{")) rescue $!.status }
      called = Fiber.new(blocking: true) do
        store.admin.ping while refused.call == before
        IO.select([descriptor], nil, nil, 0)
      end.resume
      assert called, "nothing tells the reactor of the answer"
      assert_equal "INVALID", waiting.wait
    end
  end

  def test_close_ends_the_calls_of_waiting_fibers
    with_silent_store do |silent|
      Async do |task|
        calls = Array.new(3) { task.async { silent.admin.ping rescue $!.status } }
        silent.close
        assert_equal ["CLOSED"] * 3, calls.map(&:wait)
      end
    end
  end

  def test_close_waits_for_what_was_sent
    20.times do |round|
      own = StateKeep.open(TEST_DSN)
      own.admin.ping
      Async do |task|
        call = task.async { own.state.save(agent_id: agent, session_id: "c#{round}", state: round) }
        assert_within(20) { own.close(timeout: 100) }
        assert_nil call.wait
      end
    end
    assert_equal 20, store.state.list(agent_id: agent).size
  end

  private

  # Saves and loads; gives, and adds to `swapped`, the answers that were somebody else's.
  def work(name, swapped, rounds = nil)
    1.step(rounds) do |round|
      state = [name, round]
      store.state.save(agent_id: agent, session_id: "w#{name}", state: state)
      loaded = store.state.load(agent_id: agent, session_id: "w#{name}")
      swapped << [state, loaded] unless loaded == state
    end
    swapped
  end
end
