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

    # One fiber's call. The core sets @ticket and @answer.
    class Call < Waiter
      # @return [Array(Integer, String), nil] status and result
      attr_reader :answer, :scheduler

      def initialize
        super
        @ticket = nil
        @answer = nil
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
      call.answer
    ensure
      Core.leave(@handle, call)&.wake
    end

    # Hands out what is answered now.
    def drain
      Core.drain(@handle).each(&:wake)
    end

    private

    def await(call)
      leader = Core.leader(@handle)
      if leader.equal?(call)
        descriptor.wait_readable
        drain
      elsif leader.scheduler.equal?(call.scheduler)
        call.park
      elsif leader.abandoned?
        Core.lead(@handle, call)
      else
        call.park(PATIENCE)
        Core.look(@handle, call)
      end
    end

    # The descriptor belongs to the engine, so it must not be closed with its IO.
    def descriptor
      @descriptor ||= IO.for_fd(Core.fd(@handle), autoclose: false)
    end
  end
end
