# frozen_string_literal: true

module StateKeep
  VERSION = "1.0.0"
end
