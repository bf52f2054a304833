# frozen_string_literal: true

require_relative "helper"
require "async"

# A full queue: callers wait for room, in the order they came.
class TestBacklog < Minitest::Test
  include StoreTests

  def test_many_threads_pass_through_a_small_queue
    small = StateKeep.open(TEST_DSN, queue: 4)
    numbers = Array.new(64) do |number|
      Thread.new do
        5.times { |round| small.state.save(agent_id: agent, session_id: "#{number}.#{round}", state: number) }
        small.state.load(agent_id: agent, session_id: "#{number}.4")
      end
    end.map(&:value)
    assert_equal (0..63).to_a, numbers
    assert_operator small.admin.stats["calls"]["FULL"], :>, 0
  ensure
    small.close
  end

  def test_many_fibers_pass_through_a_small_queue
    small = StateKeep.open(TEST_DSN, queue: 4)
    numbers = []
    Async do |task|
      64.times do |number|
        task.async do
          small.state.save(agent_id: agent, session_id: "f#{number}", state: number)
          numbers << small.state.load(agent_id: agent, session_id: "f#{number}")
        end
      end
    end
    assert_equal (0..63).to_a, numbers.sort
    assert_operator small.admin.stats["calls"]["FULL"], :>, 0
  ensure
    small.close
  end

  def test_waiting_for_room_ends_by_the_deadline
    with_silent_store(queue: 1) do |silent|
      holder = Thread.new { silent.admin.ping }
      sleep 0.01 until holder.status == "sleep"
      error = assert_within(15) { assert_raises(StateKeep::Deadline) { silent.call("admin.ping", timeout: 0.1) } }
      assert_equal "admin.ping", error.op
      assert_predicate error, :retry?
      holder.kill.join
    end
  end

  def test_room_is_given_in_the_order_of_coming
    order = with_line(5) { |line, backlog| 5.times { |place| line.give_room(backlog, place + 1) } }
    assert_equal [0, 1, 2, 3, 4], order
  end

  def test_who_leaves_the_line_does_not_block_it
    order = with_line(3) do |line, backlog|
      line.threads[0].kill.join
      2.times { |place| line.give_room(backlog, place + 1) }
    end
    assert_equal [1, 2], order
  end

  private

  # Threads that came to a backlog one after the other, and who got the room that there was.
  Line = Struct.new(:threads, :room, :order) do
    def give_room(backlog, expected)
      self.room += 1
      backlog.wake
      1000.times { order.size == expected ? break : sleep(0.01) }
    end
  end

  def with_line(count)
    backlog = StateKeep::Backlog.new
    line = Line.new([], 0, [])
    count.times do |number|
      line.threads << Thread.new { backlog.wait(10) { |_left, accepted| take(line, number, accepted) } }
      sleep 0.01 until line.threads.last.status == "sleep"
    end
    yield line, backlog
    line.threads.each(&:join)
    assert_empty backlog
    line.order
  end

  def take(line, number, accepted)
    return if line.room.zero?

    line.room -= 1
    line.order << number
    accepted.call
    true
  end
end
