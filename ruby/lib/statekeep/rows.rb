# frozen_string_literal: true

require "bigdecimal"
require "date"
require "json"
require "strscan"

module StateKeep
  # What a statement gave: an Array of Hashes with String keys, empty for a statement that returns no rows. Of columns of
  # one name a Hash has the last; #lists has all.
  class Rows < Array
    # @return [String] such as "SELECT 2"
    attr_reader :command
    # @return [Integer, nil] rows returned or changed; nil where the command has none
    attr_reader :affected
    # @return [Array<String>, nil] names; nil for a statement that returns no rows
    attr_reader :columns
    # @return [Array<Integer>, nil] the OIDs of their types
    attr_reader :types
    # @return [Array<Array>] the rows, each in the order of the columns
    attr_reader :lists
    # @return [Array<Rows>] of further statements, when several were sent at once
    attr_reader :more

    # @param result [Hash] the engine's
    # @param json [Hash] options for JSON.parse
    # @api private
    def initialize(result, json)
      # Nothing was copied yet, nor ever will be.
      raise Invalid.new("a copy cannot be run as a query, but as one of the copies", op: "sql.query") if result.key?("copy")

      @command, @affected, @columns, @types = result.values_at("command", "count", "columns", "types")
      @columns&.map!(&:-@) # shared by the Hashes
      @lists = @columns ? Values.convert(result["rows"], @types, json) : []
      @more = (result["more"] || []).map { |one| Rows.new(one, json) }
      super(@columns ? Core.hashes(@lists, @columns) : [])
    end
  end

  # Values as the server's text, turned into what Ruby has for their types. Integers, booleans and finite floats come as such.
  module Values
    # Types of arrays, and of their elements.
    ELEMENTS = { 199 => 114, 1000 => 16, 1001 => 17, 1002 => 18, 1003 => 19, 1005 => 21, 1007 => 23, 1009 => 25, 1014 => 1042,
                 1015 => 1043, 1016 => 20, 1021 => 700, 1022 => 701, 1028 => 26, 1041 => 869, 1115 => 1114, 1182 => 1082,
                 1183 => 1083, 1185 => 1184, 1187 => 1186, 1231 => 1700, 1270 => 1266, 2951 => 2950, 3807 => 3802 }.freeze
    FLOATS = { "NaN" => Float::NAN, "Infinity" => Float::INFINITY, "-Infinity" => -Float::INFINITY }.freeze
    LOCAL = /\A(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d(?:\.\d+)?)\z/
    INTEGER = ->(text, _) { Integer(text, 10) }
    FLOAT = ->(text, _) { FLOATS[text] || Float(text) }
    PARSE = ->(text, json) { JSON.parse(text, json) }
    # By OID. What Ruby's own class does not hold (infinity, years before Christ) stays text.
    CONVERTERS = {
      16 => ->(text, _) { text == "t" }, 17 => ->(text, _) { bytes(text) }, 20 => INTEGER, 21 => INTEGER, 23 => INTEGER,
      26 => INTEGER, 114 => PARSE, 3802 => PARSE, 700 => FLOAT, 701 => FLOAT, 1700 => ->(text, _) { BigDecimal(text) },
      1082 => ->(text, _) { text.match?(/\A\d{4}-\d\d-\d\d\z/) ? Date.iso8601(text) : text }, 1114 => ->(text, _) { local(text) },
      1184 => ->(text, _) { Core.zoned_time(text) || text }
    }.freeze
    private_constant :ELEMENTS, :FLOATS, :LOCAL, :INTEGER, :FLOAT, :PARSE, :CONVERTERS

    module_function

    # Changes the lists in place, column by column.
    def convert(lists, types, json)
      types.each_with_index do |type, column|
        converter = converter(type) or next
        lists.each do |list|
          value = list[column]
          list[column] = converter.call(value, json) if value.is_a?(String)
        end
      end
      lists
    end

    def converter(type)
      element = ELEMENTS[type] or return CONVERTERS[type]
      each = CONVERTERS[element]
      ->(text, json) { ArrayText.new(text).read { |item| each ? each.call(item, json) : item } }
    end
    private_class_method :converter

    # A time without a zone is local, as with pg and Sequel.
    def local(text)
      fields = LOCAL.match(text)&.captures
      fields ? Time.local(*fields.first(5).map(&:to_i), fields.last.to_r) : text
    end

    def bytes(text)
      return [text.delete_prefix("\\x")].pack("H*") if text.start_with?("\\x")

      text.b.gsub(/\\(?:\\|(\d{3}))/n) { $1 ? $1.oct.chr : "\\".b }
    end
  end

  # The text of an array: {1,NULL,"a b",{…}}, with bounds before it where they do not begin at 1.
  class ArrayText
    def initialize(text)
      @text = StringScanner.new(text)
      @text.skip(/(?:\[[-:\d]+\])+=/)
      @text.skip(/\{/)
    end

    # @yieldparam item [String] each that is not NULL
    # @return [Array] nested as deep as the array has dimensions
    def read(&convert)
      items = []
      until @text.skip(/\}/) || @text.eos?
        items << if @text.skip(/\{/) then read(&convert)
                 elsif @text.scan(/"((?:[^"\\]|\\.)*)"/m) then yield @text[1].gsub(/\\(.)/m, '\1')
                 else plain(@text.scan(/[^,{}"]+/), &convert)
                 end
        @text.skip(/,/)
      end
      items
    end

    private

    def plain(text)
      text == "NULL" ? nil : yield(text)
    end
  end
end
