# frozen_string_literal: true

require "io/wait"
require_relative "waiter"

module StateKeep
  # Calls of fibers under a scheduler. One waiting fiber of the store, the leader, watches the engine's descriptor and
  # hands out all answers; the others sleep. The leader that leaves, for whatever reason, names the next one.
  class FiberCalls
    # Seconds. A leader in another thread may be held up by that thread's other work; whoever waits for it so long looks
    # after its own call.
    PATIENCE = 0.1

    # One fiber's call. The core sets @ticket, @request and @answer.
    class Call < Waiter
      # @return [Array(Integer, String), nil] status and result
      attr_reader :answer
      attr_reader :scheduler
      # @return [Boolean] whether it looks for its answer itself, having waited too long for a leader
      attr_accessor :self_reliant

      def initialize
        super
        @ticket = nil
        @request = nil
        @answer = nil
        @self_reliant = false
        @scheduler = Fiber.current_scheduler
        @thread = Thread.current
      end

      # Whether its fiber will never run again: the thread ended, or went on to another scheduler.
      def abandoned?
        !@thread.alive? || (@thread == Thread.current && !@scheduler.equal?(Fiber.current_scheduler))
      end
    end

    def initialize(handle)
      @handle = handle
    end

    # Waits for the answer of an operation; yields once it is accepted (not FULL).
    # @return [Array(Integer, String)] status and result
    def call(op, values, deadline_ms)
      call = Call.new
      Core.enter(@handle, call, op, values, deadline_ms)
      yield if block_given? && call.answer&.first != Core::FULL
      await(call) until call.answer
      taken = call.answer
    ensure
      Core.leave(@handle, call)&.wake
      give_back(call.answer&.last) unless taken
    end

    # Hands out what is answered now.
    def drain
      Core.drain(@handle).each(&:wake)
    end

    private

    # A lease that was there before its fiber could be told that it is stopped.
    def give_back(result)
      Core.lease_return(result) if result.is_a?(Core::Held)
    end

    def await(call)
      leader = Core.leader(@handle)
      if leader.equal?(call)
        watch
        drain
      elsif !call.self_reliant && leader.scheduler.equal?(call.scheduler)
        call.park
      elsif !call.self_reliant && leader.abandoned?
        Core.lead(@handle, call)
      else
        call.park(PATIENCE)
        look(call)
      end
    end

    def look(call)
      return if call.answer || Core.leader(@handle).equal?(call)

      call.self_reliant = true
      Core.look(@handle, call)
    end

    # Without a timeout of its own this wait can only end early by one around it: Async 1 takes the exception of its
    # with_timeout for the end of the wait, and would so lose it.
    def watch
      return if Core.io(@handle).wait_readable

      raise ::Async::TimeoutError, "execution expired" if defined?(::Async::TimeoutError)
    end
  end
end
