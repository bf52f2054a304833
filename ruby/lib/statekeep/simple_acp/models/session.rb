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
        return nil if hash.nil?

        history = (value_in(hash, :history) || []).map { |item| item.is_a?(Message) ? item : Message.from_hash(item) }
        build(id: value_in(hash, :id), history: history, state: value_in(hash, :state))
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
    end
  end
end
