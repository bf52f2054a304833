# frozen_string_literal: true

require "bigdecimal"
require "date"
require "json"
require_relative "arguments"

module StateKeep
  # Ruby values as parameters of SQL: the text or the bytes of each, and the OID of its type where that helps the server. Text
  # has no type of its own and takes that of its place, as with pg; numbers are what they are as literals, as with Sequel.
  module Parameters
    INT4 = (-2**31...2**31)
    INT8 = (-2**63...2**63)
    # Types of elements, and of their arrays.
    ARRAYS = { 16 => 1000, 20 => 1016, 23 => 1007, 701 => 1022, 1082 => 1182, 1184 => 1185, 1700 => 1231,
               3802 => 3807 }.freeze
    NUMBERS = [23, 20, 1700, 701].freeze
    NEEDS_QUOTES = /[\s{},"\\]|\A\z|\Anull\z/i
    private_constant :INT4, :INT8, :ARRAYS, :NUMBERS, :NEEDS_QUOTES

    module_function

    # @param values [Array] of $1, $2, …
    # @return [Array<nil, Array>] what the extension takes for each: nil, [text, OID] or [bytes, 0, true]
    # @raise [Invalid] for a value that SQL has no type for
    def bind(values)
      values.map { |value| one(value) }
    end

    def one(value)
      case value
      when nil then nil
      when String then string(value)
      when Symbol then [value.name, 0]
      when Integer then [value.to_s, integer_type(value)]
      when true, false then [value ? "t" : "f", 16]
      when Float then [float_text(value), 701]
      when BigDecimal then [value.to_s("F"), 1700]
      when Rational then [value.to_d(30).to_s("F"), 1700]
      when Hash, Json then [Arguments.json(value, "sql.query", "a parameter"), 3802]
      when Array then array(value)
      else moment(value)
      end
    end

    # Binary Strings travel as they are, and so suit a bytea as well as a text.
    def string(value)
      return [value, 0, true] if value.encoding == Encoding::BINARY
      raise Invalid.new("a parameter holds a NUL byte", op: "sql.query", sqlstate: "22021") if value.include?("\0")

      [value, 0]
    rescue ArgumentError, Encoding::CompatibilityError
      [value, 0] # not valid in its encoding: refused with the rest
    end
    private_class_method :string

    def integer_type(value)
      return 23 if INT4.cover?(value)

      INT8.cover?(value) ? 20 : 1700
    end
    private_class_method :integer_type

    def float_text(value)
      value.infinite? ? "#{"-" if value.negative?}Infinity" : value.to_s
    end
    private_class_method :float_text

    def moment(value)
      case value
      when Time, DateTime then [value.strftime("%Y-%m-%d %H:%M:%S.%6N%:z"), 1184]
      when Date then [value.strftime("%Y-%m-%d"), 1082]
      else raise Invalid.new("SQL has no type for a #{value.class}", op: "sql.query")
      end
    end
    private_class_method :moment

    # An array of the type of its items; without a type of their own it takes that of its place.
    def array(items)
      types = []
      text = array_text(items, types)
      types.uniq!
      return [text, ARRAYS.fetch(types.max_by { |type| NUMBERS.index(type) })] if !types.empty? && (types - NUMBERS).empty?
      return [text, 0] if types.size != 1

      [text, ARRAYS.fetch(types.first, 0)]
    end
    private_class_method :array

    def array_text(items, types)
      texts = items.map do |item|
        next "NULL" if item.nil?
        next array_text(item, types) if item.is_a?(Array)

        text, type, binary = one(item)
        types << type
        text = "\\x#{text.unpack1("H*")}" if binary
        NEEDS_QUOTES.match?(text) ? "\"#{text.gsub(/["\\]/) { |mark| "\\#{mark}" }}\"" : text
      end
      "{#{texts.join(",")}}"
    end
    private_class_method :array_text
  end
end
