# frozen_string_literal: true

require "json"
require_relative "timestamps"

module StateKeep
  module SimpleAcp
    # Models as JSON text and back, the same text as the models' own to_json and the same models as their from_hash. The
    # extension writes them by plans, made once for each class; times are read by their digits. A class that writes itself in
    # a way of its own is asked to.
    module Documents
      Models = ::SimpleAcp::Models

      @writers = {}.compare_by_identity
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
                       await_request: Models::AwaitRequest.from_hash(with_message(fields["await_request"])),
                       created_at: clock.time(fields["created_at"]), finished_at: clock.time(fields["finished_at"]))
      end

      # @param fields [Hash] a row of acp_sessions
      # @return [SimpleAcp::Models::Session]
      def session(fields)
        overwrite(Models::Session.new(id: fields["id"]), history: messages(fields["history"]), state: fields["state"])
      end

      # @param data [Hash] an event's JSON
      # @return [SimpleAcp::Models::Event]
      def event(data)
        raise TypeError, "the event has no data" if data.nil?

        with_run(data["run"])
        Models::Events.from_hash(with_message(with_message(data), "await_request"))
      end

      def messages(items)
        (items || []).map { |item| Models::Message.from_hash(with_times(item, "created_at", "completed_at")) }
      end
      private_class_method :messages

      # What the constructors fill in by themselves must not stand in for what is NULL in the table.
      def overwrite(model, **values)
        values.each { |name, value| model.instance_variable_set(:"@#{name}", value) }
        model
      end
      private_class_method :overwrite

      def with_run(run)
        return unless run.is_a?(Hash)

        with_times(run, "created_at", "finished_at")
        run["output"]&.each { |message| with_times(message, "created_at", "completed_at") }
        with_message(run["await_request"])
      end
      private_class_method :with_run

      # The message in a Hash, or in the Hash under `name` in it.
      def with_message(hash, name = nil)
        holder = name && hash.is_a?(Hash) ? hash[name] : hash
        with_times(holder["message"], "created_at", "completed_at") if holder.is_a?(Hash)
        hash
      end
      private_class_method :with_message

      # Puts Times in place of their texts, where those are as the models write them; others are left to the models.
      def with_times(hash, *names)
        return hash unless hash.is_a?(Hash)

        names.each do |name|
          time = Timestamps.read(hash[name])
          hash[name] = time if time
        end
        hash
      end
      private_class_method :with_times

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
        (@writers[model.class] ||= writer(model.class)).call(model)
      end
      private_class_method :plain

      def nested(value)
        case value
        when String then value
        when Models::Base then plain(value)
        when Array then value.map { |item| nested(item) }
        when Hash then value.transform_values { |item| nested(item) }
        when Time then Timestamps.write(value)
        else value
        end
      end
      private_class_method :nested

      # What makes a Hash of a model. Compiled for its class, since of long histories most of the time would go into asking
      # each message for the attributes it has.
      def writer(model)
        return :to_h.to_proc unless writes_as_base?(model)

        steps = model.attributes.each_key.map do |name|
          "value = model.#{name}; hash[#{name.name.dump}] = String === value ? value : nested(value) unless value.nil?"
        end
        eval("->(model) { hash = {}; #{steps.join("; ")}; hash }", binding, "statekeep writer of #{model}", 1)
      end
      private_class_method :writer
    end
  end
end
