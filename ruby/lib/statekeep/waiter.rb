# frozen_string_literal: true

module StateKeep
  # Somebody who sleeps until something changed; a thread, or a fiber under a scheduler.
  class Waiter
    def initialize
      @lock = Thread::Mutex.new
      @changed = Thread::ConditionVariable.new
      @woken = false
    end

    # Sleeps until #wake, or until `timeout` seconds (nil: no limit) are over. A #wake that came before counts.
    def park(timeout = nil)
      @lock.lock
      @changed.wait(@lock, timeout) unless @woken
      @woken = false
    ensure
      # A fiber that is stopped while it waits comes back without the lock (Ruby 3.1).
      @lock.unlock if @lock.owned?
    end

    def wake
      @lock.synchronize do
        @woken = true
        @changed.signal
      end
    end
  end
end
