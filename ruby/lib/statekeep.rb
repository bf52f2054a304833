# frozen_string_literal: true

require_relative "statekeep/version"
require "statekeep/core"
require_relative "statekeep/store"

# Storage for what software agents must remember, on PostgreSQL.
#
#   store = StateKeep.open("embedded:")
#   store.state.setup
#   store.state.save(agent_id: "a", session_id: "b", state: { "turn" => 1 })
#   store.state.load(agent_id: "a", session_id: "b")   # => {"turn"=>1}
#   store.close
module StateKeep
  # Opens a store without waiting for its server, which is reached (or, for "embedded:", started) while calls wait. With a
  # block the store is closed at its end.
  #
  # @param dsn (see Store#initialize)
  # @param options (see Store#initialize)
  # @yieldparam store [Store]
  # @return [Store, Object] the store, or what the block gives
  # @raise [Invalid] for a DSN or an option that is wrong
  def self.open(dsn = nil, **options)
    store = Store.new(dsn, **options)
    return store unless block_given?

    begin
      yield store
    ensure
      store.close
    end
  end
end
