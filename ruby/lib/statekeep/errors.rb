# frozen_string_literal: true

require "json"

module StateKeep
  # What a call raises when it has no result; one subclass for each status of the engine.
  class Error < StandardError
    # @return [String, nil] the operation, "state.save"; nil when the store itself is at fault
    attr_reader :op
    # @return [String, nil] the server's five-character code, when the server refused
    attr_reader :sqlstate
    # @return [String, nil] the server's detail line, when it gave one
    attr_reader :detail
    # @return [String, nil] the server's advice
    attr_reader :hint
    # @return [Integer, nil] where in the SQL, in characters from 1
    attr_reader :position
    # @return [String, nil] what a violated constraint is on
    attr_reader :schema, :table, :column, :constraint
    # @return [String, nil] with Unknown: "link", "deadline" or "memory"; with Deadline: "queue" past the option queue_ms
    attr_reader :reason

    # What the server names of its refusal, beside the message.
    SAID = %w[hint position schema table column constraint].freeze
    private_constant :SAID

    def initialize(message = nil, op: nil, sqlstate: nil, detail: nil, reason: nil, retry_safe: false)
      super(message)
      @op = op
      @sqlstate = sqlstate
      @detail = detail
      @reason = reason
      @retry_safe = retry_safe
    end

    # @return [String] the engine's name of the status, "INVALID"
    def status
      self.class.const_get(:STATUS)
    end

    # Whether the same call may succeed later and repeating it does no harm.
    def retry?
      @retry_safe
    end

    # @param text [String] a JSON error of the engine
    # @return [Error] of the subclass that its status names
    def self.from_json(text)
      fields = JSON.parse(text)
      error = BY_STATUS.fetch(fields["status"], Internal).new(
        fields["message"], op: fields["op"], sqlstate: fields["sqlstate"], detail: fields["detail"],
                           reason: fields["reason"], retry_safe: fields["retry"] == true
      )
      SAID.each { |name| error.instance_variable_set(:"@#{name}", fields[name]) }
      error
    end
  end

  # The operation needs a row that is not there.
  class Absent < Error
    STATUS = "ABSENT"
  end

  # Another version, key or owner was there first.
  class Conflict < Error
    STATUS = "CONFLICT"
  end

  # An argument, a name or an option is wrong; nothing was stored.
  class Invalid < Error
    STATUS = "INVALID"
  end

  # The call's time was over before an answer; nothing was or will be stored by it.
  class Deadline < Error
    STATUS = "DEADLINE"
  end

  # The call was let go; what was sent already may take effect.
  class Cancelled < Error
    STATUS = "CANCELLED"
  end

  # Sent, but whether it was committed is not known; see #reason.
  class Unknown < Error
    STATUS = "UNKNOWN"
  end

  # No server that serves us: unreachable, refusing, tables missing; nothing was stored.
  class Unavailable < Error
    STATUS = "UNAVAILABLE"
  end

  # The queue is at its cap. Never raised by a Store, whose calls wait for room until their deadline.
  class Full < Error
    STATUS = "FULL"
  end

  # The store is closed; nothing was stored.
  class Closed < Error
    STATUS = "CLOSED"
  end

  # The store was opened by the parent process; open another one in the child.
  class Forked < Error
    STATUS = "FORKED"
  end

  # An allocation failed; nothing was stored.
  class NoMemory < Error
    STATUS = "NO_MEMORY"
  end

  # A mistake of ours or an unforeseen answer; see the message.
  class Internal < Error
    STATUS = "INTERNAL"
  end

  BY_STATUS = [
    Absent, Conflict, Invalid, Deadline, Cancelled, Unknown, Unavailable, Full, Closed, Forked, NoMemory, Internal
  ].to_h { |error| [error::STATUS, error] }.freeze
  private_constant :BY_STATUS
end
