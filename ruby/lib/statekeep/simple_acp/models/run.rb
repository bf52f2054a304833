# frozen_string_literal: true

module SimpleAcp
  module Models
    # What a run needs from its client to go on. Of types other than "message" only the type is kept.
    class AwaitRequest < Base
      attribute :type, required: true

      def self.from_hash(hash)
        return nil if hash.nil?

        pick(hash, "type", :type) == "message" ? MessageAwaitRequest.from_hash(hash) : super
      end
    end

    # A run waits for a message.
    class MessageAwaitRequest < AwaitRequest
      attribute :message

      def initialize(**values)
        super(**values, type: "message")
      end

      def self.from_hash(hash)
        hash && new(message: Message.from_hash(pick(hash, "message", :message)))
      end
    end

    # One execution of an agent.
    class Run < Base
      TERMINAL = %w[completed failed cancelled].freeze

      attribute :run_id, required: true
      attribute :agent_name, required: true
      attribute :session_id
      attribute :status, default: "created"
      attribute :await_request
      attribute :output, default: -> { [] }
      attribute :error
      attribute :created_at
      attribute :finished_at

      def initialize(**values)
        super
        @run_id ||= SecureRandom.uuid
        @output ||= []
        @created_at ||= Time.now
      end

      def self.from_hash(hash)
        hash && allocate.read(hash)
      end

      def terminal?
        TERMINAL.include?(status)
      end

      { in_progress?: "in-progress", awaiting?: "awaiting", completed?: "completed", failed?: "failed",
        cancelled?: "cancelled", cancelling?: "cancelling" }.each do |name, value|
        define_method(name) { status == value }
      end

      # @return [self] like all that change the status
      def start!
        @status = "in-progress"
        self
      end

      # @param request [AwaitRequest]
      def await!(request)
        @status = "awaiting"
        @await_request = request
        self
      end

      # @param output [Array<Message>, nil] nil keeps what there is
      def complete!(output = nil)
        @output = output if output
        finish("completed")
      end

      # @param error [Error, #to_s]
      def fail!(error)
        @error = error.is_a?(Error) ? error : Error.server_error(error.to_s)
        finish("failed")
      end

      def cancel!
        @status = "cancelling"
        self
      end

      def cancelled!
        finish("cancelled")
      end

      # @param message [Message, Hash]
      # @return [self]
      def add_output(message)
        output << (message.is_a?(Message) ? message : Message.from_hash(message))
        self
      end

      # @return [self]
      # @raise [RunError] when the run failed
      def raise_for_status!
        raise RunError, error&.message || "Run failed" if failed?

        self
      end

      # Takes the attributes from a Hash; what the constructor fills in by itself stays nil.
      # @return [self]
      # @api private
      def read(hash)
        @run_id = pick(hash, "run_id", :run_id)
        @agent_name = pick(hash, "agent_name", :agent_name)
        @session_id = pick(hash, "session_id", :session_id)
        @status = pick(hash, "status", :status) || "created"
        @await_request = AwaitRequest.from_hash(pick(hash, "await_request", :await_request))
        @output = (pick(hash, "output", :output) || []).map { |message| Message.from_hash(message) }
        error = pick(hash, "error", :error)
        @error = error && Error.from_hash(error)
        @created_at = pick_time(hash, "created_at", :created_at)
        @finished_at = pick_time(hash, "finished_at", :finished_at)
        self
      end

      private

      def finish(status)
        @status = status
        @finished_at = Time.now
        self
      end
    end
  end
end
