# frozen_string_literal: true

require "json"
require "securerandom"
require "time"

# Models compatible with simple_acp's, for when that gem is not installed: the same names, attributes, defaults and JSON, as
# far as they reach a storage. (Descriptions of agents, and what only its server and client use, do not.)
module SimpleAcp
  class Error < StandardError
  end

  # A model's attributes contradict each other.
  class ValidationError < Error
  end

  # Raised by Models::Run#raise_for_status! of a failed run.
  class RunError < Error
  end
end

require_relative "models/base"
require_relative "models/message"
require_relative "models/run"
require_relative "models/session"
require_relative "models/events"
