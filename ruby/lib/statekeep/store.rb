# frozen_string_literal: true

require "json"
require_relative "arguments"
require_relative "backlog"
require_relative "errors"
require_relative "fiber_calls"
require_relative "operations"
require_relative "sql"

module StateKeep
  # An open store. Any number of threads, and of fibers under a Fiber scheduler, may call it at the same time; calls that
  # wait together travel together.
  #
  # Each operation of the engine is a method of its noun: store.state.save(agent_id:, session_id:, state:). All of them
  # take two more keywords:
  # timeout:: seconds until Deadline is raised; nil for the store's deadline_ms, Float::INFINITY for none
  # raw::     true for the result as JSON text (UTF-8) instead of Ruby values
  class Store
    include Sql

    # What the engine takes when deadline_ms is not given.
    DEADLINE_MS = 30_000

    # Callers open stores with StateKeep.open.
    #
    # @param dsn [String, nil] "embedded:…", a PostgreSQL URL or key=value words; nil takes $STATEKEEP_DSN, then
    #   $DATABASE_URL, then "embedded:"
    # @param decimal_class [Class, nil] what results hold instead of Float for numbers with a fraction: BigDecimal keeps
    #   every digit
    # @param options [Hash] the engine's options: connections:, tables:, deadline_ms:, queue_ms:, connect_ms:, lock_ms:,
    #   lease_idle_ms:, queue:, queue_bytes:, batch:, batch_bytes:, argument_bytes:
    # @raise [Invalid] for a DSN or an option that is wrong
    def initialize(dsn = nil, decimal_class: nil, **options)
      raise Invalid, "option hold is for hosts of the C interface" if options.key?(:hold)

      @handle = Core.open(dsn, JSON.generate({ gather: true, **options }))
      failure = Core.error(@handle)
      raise Error.from_json(failure) if failure

      @deadline_ms = options.fetch(:deadline_ms, DEADLINE_MS)
      @parse_options = { max_nesting: false, decimal_class: decimal_class }.freeze
      @fiber_calls = FiberCalls.new(@handle)
      @backlog = Backlog.new
      @nouns = Operations.nouns.transform_values { |noun| noun.new(self) }
    end

    Operations.nouns.each_key do |noun|
      define_method(noun) { @nouns.fetch(noun) }
    end

    # Calls an operation by its name.
    #
    # @param name [String] "state.save"
    # @param timeout [Numeric, nil] seconds; see Store
    # @param raw [Boolean] see Store
    # @param args [Hash] its arguments by name
    # @return [Object] the result: nil, a value, a Hash with String keys or an Array of them; JSON text when raw
    # @raise [Error]
    def call(name, timeout: nil, raw: false, **args)
      spec = Operations::BY_NAME[name]
      return perform(name, [], timeout, raw) unless spec

      Operations.check(spec, args)
      noun, verb = name.split(".")
      @nouns.fetch(noun).public_send(verb, **args, timeout: timeout, raw: raw)
    end

    # Refuses new calls, waits for those that were sent, and gives every other one Closed. Does nothing the second time.
    #
    # @param timeout [Numeric] seconds to wait at most
    # @return [nil]
    def close(timeout: 5)
      drain_ms = (timeout * 1000).ceil
      if Fiber.current_scheduler
        # Closing blocks, and the other fibers' calls are what it waits for.
        Thread.new { Core.close(@handle, drain_ms) }.join
      else
        Core.close(@handle, drain_ms)
      end
      @fiber_calls.drain
      nil
    end

    def inspect
      "#<#{self.class.name}>"
    end

    # Submits, waits and decodes; what the methods of the nouns are made of.
    # @api private
    def perform(op, values, timeout, raw)
      deadline_ms = timeout ? milliseconds(timeout) : 0
      # For a lease the engine keeps a place, and those in line may wait for its holder.
      answer = submit(op, values, deadline_ms) if @backlog.empty? || values.first.is_a?(Core::Held)
      answer = submit_in_turn(op, values, timeout) if answer.nil? || answer.first == Core::FULL
      @backlog.wake unless @backlog.empty?
      status, text = answer
      raise Error.from_json(text) unless status == Core::OK

      raw ? text : JSON.parse(text, @parse_options)
    rescue EncodingError => e
      raise Invalid.new("#{op}: #{e.message}", op: op)
    end

    private

    def submit(op, values, deadline_ms, &accepted)
      if Fiber.current_scheduler
        @fiber_calls.call(op, values, deadline_ms, &accepted)
      else
        Core.call(@handle, op, values, deadline_ms, &accepted)
      end
    end

    def submit_in_turn(op, values, timeout)
      answer = @backlog.wait(limit(timeout)) do |left, accepted|
        Core.poll(@handle)
        tried = submit(op, values, left ? milliseconds(left) : -1, &accepted)
        tried unless tried.first == Core::FULL
      end
      answer or raise Deadline.new("#{op}: no room in the queue before the deadline", op: op, retry_safe: true)
    end

    # The engine's deadline in seconds, nil for none, as it counts for a caller in line.
    def limit(timeout)
      return @deadline_ms.zero? ? nil : @deadline_ms / 1000.0 unless timeout

      timeout.infinite? ? nil : timeout
    end

    # A deadline for the engine, where 0 would mean the store's own and -1 means none.
    def milliseconds(timeout)
      timeout.infinite? ? -1 : (timeout * 1000).ceil.clamp(1, 2**31 - 1)
    end
  end
end
