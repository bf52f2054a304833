# frozen_string_literal: true

require_relative "waiter"

module StateKeep
  # Callers that found the engine's queue full, in the order they came.
  class Backlog
    # Seconds. Room can also come without a caller of ours: by the answer to a call that was let go.
    RETRY = 0.02

    def initialize
      @lock = Thread::Mutex.new
      @turns = []
    end

    def empty?
      @turns.empty?
    end

    # Tells the first in line that there may be room.
    def wake
      @lock.synchronize { @turns.first }&.wake
    end

    # Tries for whoever is first in line until it is accepted. Yields the seconds left (nil: no limit) and a Proc to be
    # called at acceptance; the block gives nil for as long as there is no room.
    # @param timeout [Float, nil] seconds
    # @return what the block gave, or nil when the time was over
    def wait(timeout)
      over = timeout && (now + timeout)
      turn = Waiter.new
      @lock.synchronize { @turns << turn }
      accepted = -> { leave(turn) }
      loop do
        left = over && (over - now)
        return nil if left && left <= 0

        answer = yield(left, accepted) if @turns.first.equal?(turn)
        return answer if answer

        turn.park([left, pause(turn)].compact.min)
      end
    ensure
      leave(turn)
    end

    private

    def pause(turn)
      RETRY if @turns.first.equal?(turn)
    end

    def leave(turn)
      following = @lock.synchronize { @turns.first if @turns.delete(turn) }
      following&.wake
    end

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end
  end
end
