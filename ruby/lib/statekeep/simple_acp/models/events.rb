# frozen_string_literal: true

module SimpleAcp
  module Models
    # Something that happened in a run. Each subclass but GenericEvent, which serves unknown types too, has one type.
    class Event < Base
      attribute :type, required: true

      class << self
        # Declares a subclass's type, and its attributes with the models they are read as (nil: any JSON value).
        def event(type, **contents)
          contents.each_key { |name| attribute name }
          readers = contents.map { |name, model| [name.name, name, :"@#{name}", model] }
          define_method(:initialize) { |**values| super(**values, type: type) }
          define_singleton_method(:from_hash) { |hash| hash && allocate.read(hash, type, readers) }
        end
      end

      # Takes the attributes from a Hash.
      # @return [self]
      # @api private
      def read(hash, type, readers)
        @type = pick(hash, "type", :type) || type
        readers.each do |text, symbol, variable, model|
          value = pick(hash, text, symbol)
          instance_variable_set(variable, model && value ? model.from_hash(value) : value)
        end
        self
      end

      # @return [String] the event as a text/event-stream shows it
      def sse_format
        "event: #{type}\ndata: #{to_json}\n\n"
      end
    end

    class MessageCreatedEvent < Event
      event "message.created", message: Message
    end

    class MessagePartEvent < Event
      event "message.part", part: MessagePart
    end

    class MessageCompletedEvent < Event
      event "message.completed", message: Message
    end

    class RunCreatedEvent < Event
      event "run.created", run: Run
    end

    class RunInProgressEvent < Event
      event "run.in-progress", run_id: nil
    end

    class RunAwaitingEvent < Event
      event "run.awaiting", run_id: nil, await_request: AwaitRequest
    end

    class RunCompletedEvent < Event
      event "run.completed", run: Run
    end

    class RunCancelledEvent < Event
      event "run.cancelled", run_id: nil
    end

    class RunFailedEvent < Event
      event "run.failed", run_id: nil, error: Error
    end

    class GenericEvent < Event
      event "generic", data: nil
    end

    class ErrorEvent < Event
      event "error", error: Error
    end

    # Events by type.
    module Events
      EVENT_CLASSES = [
        MessageCreatedEvent, MessagePartEvent, MessageCompletedEvent, RunCreatedEvent, RunInProgressEvent,
        RunAwaitingEvent, RunCompletedEvent, RunCancelledEvent, RunFailedEvent, GenericEvent, ErrorEvent
      ].to_h { |event| [event.new.type, event] }.freeze

      # @return [Event, nil] nil for nil; a GenericEvent for an unknown type, which it keeps
      def self.from_hash(hash)
        return nil if hash.nil?

        EVENT_CLASSES.fetch(hash["type"] || hash[:type], GenericEvent).from_hash(hash)
      end
    end
  end
end
