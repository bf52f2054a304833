# frozen_string_literal: true

require_relative "helper"
require "timeout"

class TestThreads < Minitest::Test
  include StoreTests

  class Interruption < RuntimeError; end

  def test_each_of_64_threads_gets_its_own_answers
    wrong = Array.new(64) do |number|
      Thread.new do
        10.times.reject do |round|
          state = { "from" => number, "round" => round }
          store.state.save(agent_id: agent, session_id: "s#{number}", state: state)
          store.state.load(agent_id: agent, session_id: "s#{number}") == state
        end
      end
    end.flat_map(&:value)
    assert_empty wrong
    assert_equal 64, store.state.list(agent_id: agent).size
  end

  # They get the interpreter's lock one after the other; what they ask for next leaves together all the same.
  def test_threads_that_are_answered_together_ask_together
    sizes = Array.new(3) do
      before = store.admin.stats["batches"]
      Array.new(16) { Thread.new { 100.times { store.state.load(agent_id: agent, session_id: "s") } } }.each(&:join)
      after = store.admin.stats["batches"]
      (after["calls"] - before["calls"]).fdiv(after["count"] - before["count"])
    end
    assert_operator sizes.max, :>=, 4
  end

  # The ones that never ask again must not keep the others waiting.
  def test_threads_that_do_not_come_back_are_not_waited_for
    4.times do
      Array.new(8) do |number|
        Thread.new do
          (number.zero? ? 200 : 1).times { store.admin.ping }
          Process.clock_gettime(Process::CLOCK_MONOTONIC)
        end
      end.map(&:value).minmax.then { |first, last| assert_operator last - first, :<, 15 }
    end
  end

  def test_killed_thread_leaves_its_call
    with_silent_store do |silent|
      thread = Thread.new { silent.admin.ping }
      await_held(silent, 1)
      assert_within(15) { thread.kill.join }
      await_held(silent, 0)
      assert_equal 1, silent.admin.stats["calls"]["CANCELLED"]
    end
  end

  def test_timeout_ends_the_wait_of_the_only_thread_and_of_one_of_many
    with_silent_store do |silent|
      assert_within(15) { assert_raises(Timeout::Error) { Timeout.timeout(0.1) { silent.admin.ping } } }
      other = Thread.new { silent.admin.ping }
      assert_within(15) { assert_raises(Timeout::Error) { Timeout.timeout(0.1) { silent.admin.ping } } }
      other.kill.join
      await_held(silent, 0)
    end
  end

  def test_signal_handlers_run_while_the_only_thread_waits_and_may_call
    parent = Process.pid
    with_silent_store do |silent|
      seen = []
      before = trap("USR1") { seen << silent.admin.stats["calls"]["held"] }
      signaller = fork { sleep(0.05) && Process.kill("USR1", Process.ppid) while Process.ppid == parent }
      100.times do # some signals come between two calls
        assert_raises(StateKeep::Deadline) { silent.call("admin.ping", timeout: 0.3) }
        break if seen.include?(2)
      end
      assert_includes seen, 2
    ensure
      Process.kill("KILL", signaller) && Process.wait(signaller) if signaller
      trap("USR1", before) if before
    end
  end

  def test_a_thousand_random_interruptions_lose_and_swap_nothing
    lost = lost_connections
    interrupted = Queue.new
    swapped = Queue.new
    stop = false
    workers = Array.new(32) do |number|
      Thread.new do
        Thread.handle_interrupt(Interruption => :never) { work(number, interrupted, swapped) until stop }
      end.tap { |worker| worker.report_on_exception = false }
    end
    random = Random.new(7)
    1000.times do
      sleep random.rand * 0.002
      workers.sample(random: random).raise(Interruption)
    end
    stop = true
    assert_within(100) { workers.each { |worker| end_of(worker) } }
    assert_predicate swapped, :empty?
    assert_operator interrupted.size, :>, 100
    assert_equal lost, lost_connections
    assert_nothing_held
  end

  private

  # One save and load, interrupted nowhere but where they wait.
  def work(number, interrupted, swapped)
    state = [number, rand]
    Thread.handle_interrupt(Interruption => :on_blocking) do
      store.state.save(agent_id: agent, session_id: "w#{number}", state: state)
      loaded = store.state.load(agent_id: agent, session_id: "w#{number}")
      swapped << [state, loaded] unless loaded == state
    end
  rescue Interruption
    interrupted << number
  end

  # An interruption that came after the last wait ends the thread.
  def end_of(worker)
    worker.join
  rescue Interruption
    nil
  end
end
