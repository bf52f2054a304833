# frozen_string_literal: true

module SimpleAcp
  module Storage
    # What every storage answers; simple_acp's own class of this name where that gem is installed.
    class Base
      def initialize(options = {})
        @options = options
      end

      %i[get_run save_run delete_run list_runs get_session save_session delete_session add_event get_events].each do |name|
        define_method(name) { |*, **| raise NotImplementedError, "#{self.class}##{name} must be implemented" }
      end

      def close; end

      def ping
        true
      end
    end
  end
end
