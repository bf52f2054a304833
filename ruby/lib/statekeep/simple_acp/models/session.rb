# frozen_string_literal: true

module SimpleAcp
  module Models
    # A conversation's messages, and any JSON value beside them.
    class Session < Base
      attribute :id, required: true
      attribute :history, default: -> { [] }
      attribute :state

      def initialize(**values)
        super
        @id ||= SecureRandom.uuid
        @history ||= []
      end

      def self.from_hash(hash)
        hash && allocate.read(hash)
      end

      def self.create
        new
      end

      # @param message [Message, Hash]
      # @return [self]
      def add_to_history(message)
        history << (message.is_a?(Message) ? message : Message.from_hash(message))
        self
      end

      # @return [self]
      def clear_history!
        @history = []
        self
      end

      # @return [self]
      def set_state(value)
        @state = value
        self
      end

      # @return [self]
      def clear_state!
        set_state(nil)
      end

      def message_count
        history.length
      end

      def empty?
        history.empty? && state.nil?
      end

      # Takes the attributes from a Hash.
      # @return [self]
      # @api private
      def read(hash)
        @id = pick(hash, "id", :id)
        history = pick(hash, "history", :history) || []
        @history = history.map { |item| item.is_a?(Message) ? item : Message.from_hash(item) }
        @state = pick(hash, "state", :state)
        self
      end
    end
  end
end
