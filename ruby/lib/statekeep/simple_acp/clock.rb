# frozen_string_literal: true

require "time"

module StateKeep
  module SimpleAcp
    # Times of the tables, whose columns have no zone. As with Sequel, the zone that the application set for the database
    # (Sequel.default_timezone=, a handle's timezone) says what their digits mean; where none is set they are local time, of a
    # Time in another zone too: to_json of the gem's models turns their Times to UTC, and Sequel would then store other digits
    # than before. The engine keeps UTC in such columns: the digits go through it as if they were UTC's.
    class Clock
      PLAIN_ZONES = [nil, :utc, :local].freeze
      ISO = /\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z/
      private_constant :PLAIN_ZONES, :ISO

      # @yieldreturn [Sequel::Database, nil] the handle whose timezone counts
      def initialize(&handle)
        @handle = handle
      end

      # @param value [Time, DateTime, Date, String, nil] cut to microseconds
      # @return [String, nil] its digits for the engine
      def digits(value)
        value = Failures.translated { moment(value) } unless value.is_a?(Time)
        value && zoned(value, database_zone).strftime("%Y-%m-%dT%H:%M:%S.%6NZ")
      end

      # @param digits [String, nil] from the engine
      # @return [Time, nil]
      def time(digits)
        return nil if digits.nil?

        zone = database_zone
        application = application_zone
        unless ISO.match?(digits) && PLAIN_ZONES.include?(zone) && PLAIN_ZONES.include?(application) && times?
          return ::Sequel.convert_timestamp(digits.delete_suffix("Z"), zone) if Failures.sequel?

          return Time.parse(digits.delete_suffix("Z"))
        end
        time = fields_time(digits, zone)
        application ? zoned(time, application) : time
      end

      private

      def database_zone
        return nil unless Failures.sequel?

        (@handle.call&.timezone) || ::Sequel.database_timezone
      end

      def application_zone
        ::Sequel.application_timezone if Failures.sequel?
      end

      def times?
        !Failures.sequel? || ::Sequel.datetime_class == Time
      end

      def fields_time(digits, zone)
        Time.public_send(zone == :utc ? :utc : :local, digits[0, 4].to_i, digits[5, 2].to_i, digits[8, 2].to_i,
                         digits[11, 2].to_i, digits[14, 2].to_i, digits[17, 2].to_i, digits[20, 6].to_i)
      end

      def zoned(time, zone)
        case zone
        when nil, :local then time.getlocal
        when :utc then time.getutc
        else ::Sequel.convert_output_timestamp(time, zone)
        end
      end

      # A String without an offset, and a Date, are local time.
      def moment(value)
        case value
        when nil then nil
        when DateTime, Date then value.to_time
        when String then Time.parse(value)
        else raise Invalid, "not a time: #{value.class}"
        end
      rescue ArgumentError
        raise Invalid.new("invalid input syntax for a time: #{value.inspect}", sqlstate: "22007")
      end
    end
  end
end
