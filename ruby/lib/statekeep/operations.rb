# frozen_string_literal: true

require "json"

module StateKeep
  # The engine's operations as Ruby methods, made from its catalogue: one class for each noun, one method for each verb.
  module Operations
    # @return [Array<Hash>] each operation: "op", "args" (with "name", "type", "nullable", "list"), "gives", "doc", …
    CATALOG = JSON.parse(Core.catalog.force_encoding(Encoding::UTF_8)).each(&:freeze).freeze

    BY_NAME = CATALOG.to_h { |spec| [spec["op"], spec] }.freeze

    # The operations of one noun of one store: store.state, store.admin, …
    class Noun
      def initialize(store)
        @store = store
      end

      def inspect
        "#<#{self.class.name}>"
      end
    end

    # @return [Hash{String => Class}] a subclass of Noun for each noun
    def self.nouns
      @nouns ||= CATALOG.group_by { |spec| spec["op"].split(".").first }.to_h do |noun, specs|
        made = const_set(noun.split("_").map(&:capitalize).join, Class.new(Noun))
        specs.each { |spec| made.class_eval(source(spec), "statekeep operation #{spec["op"]}", 1) }
        [noun, made]
      end.freeze
    end

    # Checks what the language checks for methods: names given as data must not end in a wrong call.
    # @raise [Invalid] for an argument that is unknown or missing
    def self.check(spec, args)
      op = spec["op"]
      names = spec["args"].map { |arg| arg["name"].to_sym }
      unknown = args.keys - names
      raise Invalid.new("#{op}: no argument #{unknown.first}", op: op) unless unknown.empty?

      missing = spec["args"].find { |arg| !arg["nullable"] && !args.key?(arg["name"].to_sym) }
      raise Invalid.new("#{op}: #{missing["name"]} is missing", op: op) if missing
    end

    # Source text, since a method with real keywords is both checked by Ruby and quicker than one that takes a Hash.
    def self.source(spec)
      keywords = spec["args"].map { |arg| arg["nullable"] ? "#{arg["name"]}: nil" : "#{arg["name"]}:" }
      <<~RUBY
        def #{spec["op"].split(".").last}(#{[*keywords, "timeout: nil", "raw: false"].join(", ")})
          @store.perform(#{spec["op"].inspect}, [#{spec["args"].map { |arg| encoder(spec, arg) }.join(", ")}], timeout, raw)
        end
      RUBY
    end
    private_class_method :source

    def self.encoder(spec, arg)
      place = "#{arg["name"]}, #{spec["op"].inspect}, #{arg["name"].inspect}"
      return "Arguments.list(#{place}, :#{arg["type"]})" if arg["list"]

      kind = arg["type"] == "json" && arg["nullable"] ? "optional_json" : arg["type"]
      "Arguments.#{kind}(#{place})"
    end
    private_class_method :encoder
  end
end
