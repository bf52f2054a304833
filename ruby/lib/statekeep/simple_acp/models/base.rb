# frozen_string_literal: true

module SimpleAcp
  module Models
    # A list of attributes, each with a reader, a writer and a keyword of the constructor.
    class Base
      class << self
        # @param name [Symbol]
        # @param default [Object, Proc] a value, or what makes one for each new model
        def attribute(name, type: nil, default: nil, required: false)
          own_attributes[name] = { type: type, default: default, required: required }
          @attributes = nil
          attr_accessor name
        end

        # @return [Hash{Symbol => Hash}] in order of declaration, those of the superclass first
        def attributes
          @attributes ||= superclass <= Base ? superclass.attributes.merge(own_attributes) : own_attributes
        end

        def own_attributes
          @own_attributes ||= {}
        end

        # @param hash [Hash, nil] values by name, String or Symbol; of both the String's counts. Other keys are ignored
        # @return [Base, nil] nil for nil
        def from_hash(hash)
          return nil if hash.nil?

          made = new
          attributes.each_key do |name|
            value = pick(hash, name.name, name)
            made.public_send(:"#{name}=", value) unless value.nil?
          end
          made
        end

        def from_h(hash)
          from_hash(hash)
        end

        private

        def pick(hash, text, symbol)
          hash.key?(text) ? hash[text] : hash[symbol]
        end
      end

      # Unknown keywords are ignored.
      def initialize(**values)
        self.class.attributes.each do |name, options|
          default = options[:default]
          value = values.fetch(name) { default.is_a?(Proc) ? default.call : default }
          instance_variable_set(:"@#{name}", value)
        end
      end

      # @return [Hash{Symbol => Object}] without what is nil; times as ISO 8601 text in UTC, in whole seconds
      def to_h
        self.class.attributes.each_key.with_object({}) do |name, hash|
          value = public_send(name)
          hash[name] = serialize_value(value) unless value.nil?
        end
      end

      def to_json(*args)
        to_h.to_json(*args)
      end

      def ==(other)
        other.is_a?(self.class) &&
          self.class.attributes.each_key.all? { |name| public_send(name) == other.public_send(name) }
      end
      alias eql? ==

      def hash
        self.class.attributes.each_key.map { |name| public_send(name) }.hash
      end

      private

      # The value of an attribute in a Hash with keys of either kind.
      def pick(hash, text, symbol)
        hash.key?(text) ? hash[text] : hash[symbol]
      end

      # ISO 8601 text as a Time; a Time as it is; nil for what is no time.
      def pick_time(hash, text, symbol)
        value = pick(hash, text, symbol)
        value.nil? || value.is_a?(Time) ? value : Time.parse(value.to_s)
      rescue ArgumentError
        nil
      end

      def serialize_value(value)
        case value
        when Base then value.to_h
        when Array then value.map { |item| serialize_value(item) }
        when Hash then value.transform_values { |item| serialize_value(item) }
        # Not utc, which would change the zone of the model's own Time.
        when Time then value.getutc.iso8601
        else value
        end
      end
    end

    # What went wrong in a run. Not a Base: equal only to itself.
    class Error
      attr_reader :code, :message, :data

      # @param code [String] "server_error", "invalid_input" or "not_found"
      # @param data [Object, nil] any JSON value
      def initialize(code:, message:, data: nil)
        @code = code
        @message = message
        @data = data
      end

      def self.from_hash(hash)
        new(code: hash["code"] || hash[:code], message: hash["message"] || hash[:message],
            data: hash["data"] || hash[:data])
      end

      def self.server_error(message, data: nil)
        new(code: "server_error", message: message, data: data)
      end

      def self.invalid_input(message, data: nil)
        new(code: "invalid_input", message: message, data: data)
      end

      def self.not_found(message, data: nil)
        new(code: "not_found", message: message, data: data)
      end

      def to_h
        { code: code, message: message, **(data ? { data: data } : {}) }
      end

      def to_json(*args)
        to_h.to_json(*args)
      end
    end
  end
end
