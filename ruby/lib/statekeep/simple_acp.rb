# frozen_string_literal: true

require_relative "../statekeep"

# SimpleAcp::Storage::PostgreSQL on StateKeep: require this instead of "simple_acp/storage/postgresql", or after it.
#
#   require "simple_acp"            # the gem, where it is installed; its models are used, else compatible ones
#   require "statekeep/simple_acp"
#   storage = SimpleAcp::Storage::PostgreSQL.new(url: "postgres://localhost/simple_acp")
begin
  require "simple_acp"
  # The gem's own class is loaded first, so that no later require of its file can write over ours.
  require "simple_acp/storage/postgresql"
rescue LoadError => e
  raise unless e.path&.start_with?("simple_acp")
end

require_relative "simple_acp/models" unless defined?(SimpleAcp::Models)
require_relative "simple_acp/storage_base" unless defined?(SimpleAcp::Storage::Base)
SimpleAcp::Storage.send(:remove_const, :PostgreSQL) if SimpleAcp::Storage.const_defined?(:PostgreSQL, false)
require_relative "simple_acp/storage"
