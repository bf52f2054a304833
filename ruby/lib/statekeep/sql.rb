# frozen_string_literal: true

require_relative "lease"

module StateKeep
  # What a store does besides its operations: SQL of the caller's own, on connections that the operations do not share. A
  # single statement is its own transaction and takes one round trip; what needs one session takes a lease, of which at most
  # connections - 1 are out at a time. `timeout` is in seconds; nil is the store's deadline_ms.
  module Sql
    # Runs one statement, or several separated by semicolons when there are no parameters. Never sent twice.
    # @param parameters [Array] $1, $2, …: nil, true, false, String (binary ones are bytes), Symbol, Integer, Float, BigDecimal,
    #   Time, DateTime, Date, Array (an array), Hash or Json (jsonb)
    # @return [Rows] Hashes with String keys
    # @raise [Invalid] what the server refuses, with its sqlstate; @raise [Conflict] violated constraints, deadlocks
    def query(sql, *parameters, timeout: nil)
      run_sql(nil, sql, parameters, timeout)
    end

    # @return [Integer, nil] how many rows the statement changed or gave; nil where that means nothing
    def execute(sql, *parameters, timeout: nil)
      run_sql(nil, sql, parameters, timeout).affected
    end

    # A session of the caller's own, for the block or until Lease#close.
    # @param timeout [Numeric, nil] how long to wait for one
    # @yieldparam lease [Lease]
    # @return [Lease, Object] the lease, or what the block gives
    # @raise [Deadline] when none came free in time
    def lease(timeout: nil)
      # Between the answer and the block, or the return, nothing may take the thread away.
      masking(:on_blocking) do
        held = perform(:lease, [], timeout, true)
        made = Lease.new(self, held)
        unless block_given?
          ObjectSpace.define_finalizer(made, Lease.reporter(held, Process.pid, caller_place))
          return made
        end

        begin
          masking(:immediate) { yield made }
        ensure
          made.close
        end
      end
    end

    # A transaction on a lease of its own: see Lease#transaction.
    # @yieldparam lease [Lease]
    # @return what the block gives; nil after Rollback
    def transaction(timeout: nil, **modes, &block)
      lease(timeout: timeout) { |lease| lease.transaction(**modes, &block) }
    end

    # The rows of a select one by one, `batch` of them in memory at a time; other statements give theirs all at once.
    # @return [Enumerator] without a block
    def stream(sql, *parameters, batch: 1000, timeout: nil, &block)
      return enum_for(:stream, sql, *parameters, batch: batch, timeout: timeout) unless block

      return query(sql, *parameters, timeout: timeout).each(&block) && nil unless Lease.reads?(sql)

      transaction(timeout: timeout) { |tx| tx.stream(sql, *parameters, batch: batch, timeout: timeout, &block) }
    end

    # Runs "copy … from stdin": see Lease#copy_in.
    def copy_in(sql, source = nil, timeout: nil, &block)
      lease(timeout: timeout) { |lease| lease.copy_in(sql, source, timeout: timeout, &block) }
    end

    # Runs "copy … to stdout": see Lease#copy_out.
    def copy_out(sql, timeout: nil, &block)
      return enum_for(:copy_out, sql, timeout: timeout) unless block

      lease(timeout: timeout) { |lease| lease.copy_out(sql, timeout: timeout, &block) }
    end

    # What comes on channels from now on; ends when nothing came for `timeout` seconds (nil: never).
    # @yieldparam notification [Notification]
    def listen(*channels, timeout: nil, &block)
      return enum_for(:listen, *channels, timeout: timeout) unless block

      lease do |lease|
        lease.listen(*channels)
        lease.notifications(timeout: timeout, &block)
      end
    end

    # Sends a notification to whoever listens to the channel.
    # @return [nil]
    def notify(channel, payload = "")
      run_sql(nil, "select pg_notify($1, $2)", [channel.to_s, payload], nil)
      nil
    end

    # One statement on a lease (a Held), or with nil without one.
    # @api private
    def run_sql(held, sql, parameters, timeout)
      text = perform(:query, [held, sql, Parameters.bind(parameters)], timeout, true)
      Rows.new(JSON.parse(text, max_nesting: false), @parse_options)
    end

    private

    # When interrupts of the thread are let in. Fibers are stopped where they wait, and would mix up the thread's masks.
    def masking(timing, &block)
      Fiber.current_scheduler ? yield : Thread.handle_interrupt(Object => timing, &block)
    end

    # The first line outside this library.
    def caller_place
      caller_locations(2).find { |place| place.absolute_path && !place.absolute_path.start_with?(__dir__) }
    end
  end
end
