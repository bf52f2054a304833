# frozen_string_literal: true

require_relative "../operations"

module StateKeep
  module SimpleAcp
    # The Sequel side of a storage: the caller's handle, or one that is connected when somebody first uses it.
    class Handle
      # Stands for a Sequel::Database that does not exist yet, and loads Sequel only then.
      class Lazy < BasicObject
        def initialize(handle)
          @handle = handle
        end

        def method_missing(name, ...)
          @handle.connect.public_send(name, ...)
        end

        def respond_to_missing?(*)
          true
        end

        def ==(other)
          @handle.connect == other
        end
      end

      # Remembers for each fiber whether it is inside a transaction of this handle. Sequel itself knows only connections:
      # asking it takes one out of the pool, and a thread's fibers share it.
      module Marked
        def statekeep_mark
          @statekeep_mark ||= :"statekeep_transactions_#{object_id}"
        end

        def transaction(...)
          fiber = Thread.current
          fiber[statekeep_mark] = (fiber[statekeep_mark] || 0) + 1
          super
        ensure
          fiber[statekeep_mark] -= 1
        end
      end

      # OIDs of types whose text is JSON as it is: bool apart, int8, int2, int4, json, jsonb.
      JSON_TYPES = [20, 21, 23, 114, 3802].freeze
      private_constant :JSON_TYPES

      # @param database [Sequel::Database, nil] the caller's
      # @yieldreturn [Sequel::Database] a new one, when there is none
      def initialize(database, &connect)
        @lock = Thread::Mutex.new
        @connect = connect
        @database = database && mark(database)
      end

      # @return [Sequel::Database, nil] nil as long as nobody used it
      attr_reader :database

      def connect
        @database || @lock.synchronize { @database ||= mark(@connect.call) }
      end

      # @return [Object] what users find in the storage's @db
      def shown
        @database || Lazy.new(self)
      end

      # Whether the calling fiber is inside a transaction of this handle.
      def in_transaction?
        return false unless @database
        return false if @database.is_a?(Marked) && !Thread.current[@database.statekeep_mark]&.positive?

        @database.in_transaction?
      end

      # Runs an operation's SQL on the handle, as part of its transaction.
      #
      # @param sql [String] of the operation in array form
      # @param values [Array<String, nil>]
      # @return [String, nil] the result as JSON text
      # @raise [Sequel::DatabaseError]
      def call(op, sql, values)
        spec = Operations::BY_NAME.fetch(op)
        values = values.map { |value| array(value) } if spec["batch"]
        @database.execute(sql, arguments: values) { |rows| result(spec, rows) }
      end

      private

      # A frozen handle cannot be marked; its transactions are found by asking Sequel. So is one that began before the mark.
      def mark(database)
        return database if database.frozen? || database.is_a?(Marked)

        database.extend(Marked)
        inside = database.pool.size.positive? && database.in_transaction?
        Thread.current[database.statekeep_mark] = inside ? 1 : 0
        database
      end

      def array(value)
        value.nil? ? "{NULL}" : "{\"#{value.gsub(/["\\]/) { |mark| "\\#{mark}" }}\"}"
      end

      def result(spec, rows)
        return "null" if spec["gives"] == "none" || (spec["gives"] == "maybe" && rows.ntuples.zero?)

        texts = Array.new(rows.ntuples) { |row| row_json(spec, rows, row) }
        spec["gives"] == "many" ? "[#{texts.join(",")}]" : texts.first
      end

      def row_json(spec, rows, row)
        first = spec["batch"] ? 1 : 0
        cells = spec["columns"].each_index.map { |column| cell(rows, row, first + column) }
        return cells.first if spec["bare"]

        "{#{spec["columns"].zip(cells).map { |name, cell| "#{JSON.generate(name)}:#{cell}" }.join(",")}}"
      end

      def cell(rows, row, column)
        text = rows.getvalue(row, column)
        return "null" if text.nil?

        JSON_TYPES.include?(rows.ftype(column)) ? text : JSON.generate(text)
      end
    end
  end
end
