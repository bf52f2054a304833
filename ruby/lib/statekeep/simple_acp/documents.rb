# frozen_string_literal: true

require "json"
require "time"

module StateKeep
  module SimpleAcp
    # Models as JSON text and back, the same text as the models' own to_json and the same models as their from_hash. The
    # extension writes them by plans, made once for each class, and reads the times in their documents, which costs the models
    # most. A class that writes itself in a way of its own is asked to.
    module Documents
      Models = ::SimpleAcp::Models

      # How the extension writes a class's models: the reader and the JSON text of each attribute's name; false where it may
      # not.
      @plans = Hash.new { |plans, model| plans[model] = plan(model) }.compare_by_identity

      module_function

      # @param value [Object] a model, an Array of them, or any value that has a to_json
      # @return [String] its JSON
      def text(value)
        Core.document(value, @plans) || ruby_text(value)
      end

      # The same in Ruby: what the extension does not write, and the errors of what cannot be written.
      def ruby_text(value)
        case value
        when Models::Base then JSON.generate(plain(value))
        when Array then JSON.generate(value.map { |item| item.is_a?(Models::Base) ? plain(item) : item })
        else value.to_json
        end
      end

      # @param text [String] the engine's result
      def parse(text)
        JSON.parse(text, max_nesting: false)
      end

      # @param fields [Hash] a row of acp_runs
      # @return [SimpleAcp::Models::Run]
      def run(fields, clock)
        run = Models::Run.new(run_id: fields["run_id"], agent_name: fields["agent_name"],
                              session_id: fields["session_id"], status: fields["status"])
        error = fields["error"]
        overwrite(run, output: messages(fields["output"]), error: error && Models::Error.from_hash(error),
                       await_request: Models::AwaitRequest.from_hash(Core.message_times(fields["await_request"])),
                       created_at: clock.time(fields["created_at"]), finished_at: clock.time(fields["finished_at"]))
      end

      # @param fields [Hash] a row of acp_sessions
      # @return [SimpleAcp::Models::Session]
      def session(fields)
        overwrite(Models::Session.new(id: fields["id"]), history: messages(fields["history"]), state: fields["state"])
      end

      # @param documents [Array<Hash>] events' JSON
      # @return [Array<SimpleAcp::Models::Event>]
      def events(documents)
        Core.event_times(documents).map do |data|
          raise TypeError, "the event has no data" if data.nil?

          Models::Events.from_hash(data)
        end
      end

      def messages(items)
        Core.message_times(items || []).map { |item| Models::Message.from_hash(item) }
      end
      private_class_method :messages

      # What the constructors fill in by themselves must not stand in for what is NULL in the table.
      def overwrite(model, **values)
        values.each { |name, value| model.instance_variable_set(:"@#{name}", value) }
        model
      end
      private_class_method :overwrite

      def plan(model)
        return false unless model <= Models::Base && writes_as_base?(model)

        model.attributes.each_key.map { |name| [name, "#{JSON.generate(name.name)}:"].freeze }.freeze
      end
      private_class_method :plan

      def writes_as_base?(model)
        %i[to_h to_json].all? { |name| model.instance_method(name).owner.equal?(Models::Base) }
      end
      private_class_method :writes_as_base?

      def plain(model)
        return model.to_h unless writes_as_base?(model.class)

        model.class.attributes.each_key.with_object({}) do |name, hash|
          value = model.public_send(name)
          hash[name] = nested(value) unless value.nil?
        end
      end
      private_class_method :plain

      def nested(value)
        case value
        when String then value
        when Models::Base then plain(value)
        when Array then value.map { |item| nested(item) }
        when Hash then value.transform_values { |item| nested(item) }
        when Time then value.getutc.iso8601
        else value
        end
      end
      private_class_method :nested
    end
  end
end
