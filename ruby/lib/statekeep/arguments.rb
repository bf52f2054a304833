# frozen_string_literal: true

require "json"

module StateKeep
  # A JSON text that is handed on as it is: for documents that are text already, and for numbers that Ruby's JSON would
  # not keep digit by digit.
  #
  #   store.state.save(agent_id: "a", session_id: "b", state: StateKeep::Json.new('{"total": 0.10}'))
  Json = Struct.new(:text)

  # Ruby values as the texts the engine takes; nil stays nil, which is SQL NULL. `op` and `name` are for the message of
  # the Invalid that a value of the wrong kind raises.
  module Arguments
    # A deep document must be refused by the server's limit, not by the parser's. Shared, so frozen.
    GENERATE = { max_nesting: 0 }.freeze

    module_function

    def text(value, op, name)
      case value
      when String, nil then value
      when Symbol then value.name
      else refuse(value, op, name, "a String")
      end
    end

    def int(value, op, name)
      case value
      when Integer then value.to_s
      when nil then nil
      else refuse(value, op, name, "an Integer")
      end
    end

    def bool(value, op, name)
      case value
      when true then "true"
      when false then "false"
      when nil then nil
      else refuse(value, op, name, "true or false")
      end
    end

    # nil is the JSON null.
    def json(value, op, name)
      return text(value.text, op, name) if value.is_a?(Json)

      JSON.generate(value, GENERATE)
    rescue JSON::JSONError, EncodingError, SystemStackError => e
      raise Invalid.new("#{op}: #{name} cannot be written as JSON: #{e.message}", op: op)
    end

    # As json, but nil is SQL NULL; the JSON null is Json.new("null").
    def optional_json(value, op, name)
      value.nil? ? nil : json(value, op, name)
    end

    def time(value, op, name)
      case value
      when String, nil then value
      when ->(other) { other.respond_to?(:to_time) } then value.to_time.getutc.strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
      else refuse(value, op, name, "a Time or an ISO 8601 String")
      end
    end

    # The bytes of a String, whatever its encoding.
    def bytes(value, op, name)
      case value
      when String then value.b
      when nil then nil
      else refuse(value, op, name, "a String")
      end
    end

    # An Array of numbers as 32-bit floats, packed; a String is taken to be packed already.
    def vector(value, op, name)
      case value
      when Array then value.pack("f*")
      when String then value.b
      when nil then nil
      else refuse(value, op, name, "an Array of numbers")
      end
    rescue TypeError
      refuse(value.find { |number| !number.is_a?(Numeric) }, op, name, "an Array of numbers only")
    end

    # An Array whose elements are of `type`, as a JSON array; or the text of one.
    def list(value, op, name, type)
      return nil if value.nil?
      return text(value.text, op, name) if value.is_a?(Json)

      refuse(value, op, name, "an Array") unless value.is_a?(Array)
      "[#{value.map { |element| element_json(element, op, name, type) }.join(",")}]"
    end

    def element_json(element, op, name, type)
      return json(element, op, name) if type == :json
      return "null" if element.nil?

      case type
      when :int, :bool then public_send(type, element, op, name)
      when :bytes then JSON.generate([bytes(element, op, name)].pack("m0"))
      else json(public_send(type, element, op, name), op, name)
      end
    end

    def refuse(value, op, name, wanted)
      raise Invalid.new("#{op}: #{name} must be #{wanted}, not #{value.class}", op: op)
    end
  end
end
