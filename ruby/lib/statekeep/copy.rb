# frozen_string_literal: true

require_relative "parameters"

module StateKeep
  # What the block of a COPY in is given: takes pieces of the data, and rows, and sends them in pieces worth a trip.
  class CopyIn
    # Bytes gathered before they are sent.
    PIECE = 65_536
    ESCAPES = { "\\" => "\\\\", "\n" => "\\n", "\r" => "\\r", "\t" => "\\t" }.freeze
    private_constant :PIECE, :ESCAPES

    # @yieldparam piece [String] to be sent now
    def initialize(&send)
      @send = send
      @piece = String.new(capacity: PIECE)
      @refused = false
    end

    # @return [Boolean] whether the server has ended the copy already
    attr_reader :refused

    # @param data [String, Array] bytes of the copy's format, or a row's values for its text format
    # @return [self]
    def <<(data)
      @piece << (data.is_a?(Array) ? line(data) : data).b
      flush if @piece.bytesize >= PIECE
      self
    end

    # @param source [String, IO, Enumerable] data whole, to be read, or piece by piece and row by row
    def take(source)
      if source.is_a?(String) then self << source
      elsif source.respond_to?(:read)
        while (piece = source.read(PIECE)) do self << piece end
      else
        source.each { |data| self << data }
      end
    end

    def flush
      return if @piece.empty?

      @send.call(@piece)
      @piece.clear
    rescue Error
      @refused = true
      raise
    end

    private

    def line(values)
      fields = Parameters.bind(values).map do |text, _, binary|
        next "\\N" if text.nil?

        binary ? "\\\\x#{text.unpack1("H*")}" : text.gsub(/[\\\n\r\t]/, ESCAPES)
      end
      "#{fields.join("\t")}\n"
    end
  end
end
