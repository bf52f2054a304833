# frozen_string_literal: true

module StateKeep
  module SimpleAcp
    # Errors as users of the replaced class know them: Sequel's when Sequel is loaded, with StateKeep's as their
    # wrapped_exception; else StateKeep's own.
    module Failures
      # Sequel's classes by SQLSTATE, the longest beginning that fits.
      BY_SQLSTATE = {
        "08" => :DatabaseDisconnectError, "57P" => :DatabaseDisconnectError,
        "28" => :DatabaseConnectionError, "3D" => :DatabaseConnectionError, "53300" => :DatabaseConnectionError,
        "23502" => :NotNullConstraintViolation, "23503" => :ForeignKeyConstraintViolation,
        "23505" => :UniqueConstraintViolation, "23514" => :CheckConstraintViolation, "23" => :ConstraintViolation,
        "40" => :SerializationFailure, "55P03" => :DatabaseLockTimeout
      }.freeze
      private_constant :BY_SQLSTATE

      module_function

      # Runs the block; what it raises of StateKeep's errors is raised as Sequel's.
      def translated
        yield
      rescue StateKeep::Error => e
        raise translate(e)
      end

      # @param error [StateKeep::Error]
      # @return [Exception]
      def translate(error)
        return error unless sequel?

        ::Sequel.convert_exception_class(error, ::Sequel.const_get(class_name(error)))
      end

      # @return [Exception] for a missing value in a column that needs one
      def missing(column, table)
        error = Invalid.new("null value in column \"#{column}\" of \"#{table}\"", sqlstate: "23502")
        translate(error)
      end

      # @return [Exception] for arguments that Sequel refuses before it asks the server
      def refused(message)
        sequel? ? ::Sequel::Error.new(message) : Invalid.new(message)
      end

      def sequel?
        defined?(::Sequel::DatabaseError)
      end

      def class_name(error)
        state = error.sqlstate
        return BY_SQLSTATE.fetch(BY_SQLSTATE.keys.find { |start| state.start_with?(start) }, :DatabaseError) if state

        case error
        when Deadline then error.reason == "queue" ? :PoolTimeout : :DatabaseError
        when Unavailable then :DatabaseConnectionError
        when Unknown then error.reason == "link" ? :DatabaseDisconnectError : :DatabaseError
        else :DatabaseError
        end
      end
      private_class_method :class_name
    end
  end
end
