# frozen_string_literal: true

require "json"
require_relative "copy"
require_relative "errors"
require_relative "parameters"
require_relative "rows"

module StateKeep
  # Raised in the block of a transaction, rolls it back; the block then gives nil and nothing is raised further.
  class Rollback < StandardError
  end

  # @!attribute channel [String]
  # @!attribute payload [String]
  # @!attribute pid [Integer] of the server's process that sent it
  Notification = Struct.new(:channel, :payload, :pid)

  # A session of the caller's own, until #close; made by Store#lease and Store#transaction, which give it back at the end of
  # their blocks. Its statements run one at a time. Given back, an open transaction is rolled back and the session's settings
  # are reset. `timeout` is in seconds everywhere; nil is the store's deadline_ms.
  class Lease
    ISOLATION = ["read uncommitted", "read committed", "repeatable read", "serializable"].freeze
    SPACE = %r{(?:\s|--[^\n]*\n|/\*.*?\*/)*}m
    READS = /\A#{SPACE}(?:select|values|table)\b/mi
    READS_WITH = /\A#{SPACE}with\b/mi
    WRITES = /\b(?:insert|update|delete|merge)\b/i
    private_constant :ISOLATION, :SPACE, :READS, :READS_WITH, :WRITES

    # What reports a lease that nobody gave back, and does so.
    # @api private
    def self.reporter(held, process, place)
      lambda do |_|
        next if process != Process.pid || !Core.lease_held(held)

        warn "StateKeep: the lease taken at #{place} was never given back"
        Core.lease_return(held)
      end
    end

    # Whether a cursor can read the statement's rows.
    # @api private
    def self.reads?(sql)
      READS.match?(sql) || (READS_WITH.match?(sql) && !WRITES.match?(sql))
    end

    # @api private
    def initialize(store, held)
      @store = store
      @held = held
      @depth = 0
      @cursors = 0
    end

    # Runs one statement, or several separated by semicolons when there are no parameters.
    # @param parameters [Array] $1, $2, …
    # @return [Rows]
    # @raise [Invalid] what the server refuses, with its sqlstate; @raise [Conflict] violated constraints, deadlocks
    def query(sql, *parameters, timeout: nil)
      @store.run_sql(@held, sql, parameters, timeout)
    end

    # @return [Integer, nil] how many rows the statement changed or gave
    def execute(sql, *parameters, timeout: nil)
      query(sql, *parameters, timeout: timeout).affected
    end

    # Commits when the block comes to its end, and rolls back when it is left in any other way: by an exception, break, return or
    # throw (Timeout.timeout throws), or by the end of its thread. Inside another one it is a savepoint.
    # @param isolation [String, Symbol, nil] :serializable, "repeatable read", …
    # @return what the block gives; nil after Rollback
    # @raise [Invalid] when the block swallowed the failure of a statement, so that nothing can be committed
    def transaction(isolation: nil, read_only: false, deferrable: false)
      depth = @depth
      begins = depth.zero? ? begin_text(isolation, read_only, deferrable) : "savepoint keep_#{depth}"
      begin
        query(begins)
        @depth = depth + 1
        stage = :begun
        value = yield self
        stage = :ending
        @depth = depth
        commit
        stage = :ended
      rescue Rollback
        nil
      ensure
        @depth = depth
        settle(stage)
      end
      value
    end

    # The rows of a select one by one, `batch` of them in memory at a time. Other statements give theirs all at once. Outside a
    # transaction the server keeps all rows until the end, so that what else runs on the lease is not drawn into one.
    # @return [Enumerator] without a block
    def stream(sql, *parameters, batch: 1000, timeout: nil, &block)
      return enum_for(:stream, sql, *parameters, batch: batch, timeout: timeout) unless block
      return query(sql, *parameters, timeout: timeout).each(&block) && nil unless Lease.reads?(sql)

      cursor = "keep_cursor_#{@cursors += 1}"
      query("declare #{cursor} no scroll cursor #{"with hold " if @depth.zero?}for #{sql}", *parameters, timeout: timeout)
      begin
        until (rows = query("fetch #{Integer(batch)} from #{cursor}", timeout: timeout)).empty?
          rows.each(&block)
        end
      ensure
        quietly("close #{cursor}")
      end
      nil
    end

    # Runs "copy … from stdin". What the source or the block raises ends the copy, and nothing of it is stored.
    # @param source [String, IO, Enumerable, nil] the data; pieces of it (Strings) or rows (Arrays, in the text format)
    # @yieldparam copy [CopyIn] takes them by <<, where there is no source
    # @return [Integer] rows stored
    def copy_in(sql, source = nil, timeout: nil)
      begin_copy(sql, "in", timeout)
      copy = CopyIn.new { |piece| give(piece, nil, timeout) }
      failure = "the copy was left"
      begin
        source.nil? ? yield(copy) : copy.take(source)
        copy.flush
        failure = nil
      rescue StandardError => e
        failure = "#{e.class}: #{e.message}"
        raise
      ensure
        break_off(failure, timeout) if failure && !copy.refused
      end
      JSON.parse(give(nil, nil, timeout))["count"]
    end

    # Runs "copy … to stdout". A block that is left early leaves the rest at the server.
    # @yieldparam piece [String] whole rows, binary
    # @return [Enumerator] without a block
    def copy_out(sql, timeout: nil)
      return enum_for(:copy_out, sql, timeout: timeout) unless block_given?

      begin_copy(sql, "out", timeout)
      until (piece = @store.perform(:copy_out, [@held], timeout, true)).empty?
        yield piece
      end
    end

    # @return [nil]
    def listen(*channels)
      query(channels.map { |channel| "listen #{quoted(channel)}" }.join("; "))
      nil
    end

    # What comes on the channels that the lease listens to; ends when nothing came for `timeout` seconds (nil: never).
    # @yieldparam notification [Notification]
    # @return [Enumerator] without a block
    def notifications(timeout: nil)
      return enum_for(:notifications, timeout: timeout) unless block_given?

      loop do
        answer = begin
          @store.perform(:notification, [@held], timeout || Float::INFINITY, false)
        rescue Deadline
          return nil
        end
        yield Notification.new(*answer.values_at("channel", "payload", "pid"))
      end
    end

    # Gives the lease back. Twice does nothing.
    # @return [nil]
    def close
      Core.lease_return(@held)
    end

    def inspect
      "#<#{self.class.name}>"
    end

    private

    def begin_text(isolation, read_only, deferrable)
      modes = []
      if isolation
        level = isolation.to_s.tr("_-", "  ").downcase
        raise Invalid, "isolation is one of #{ISOLATION.join(", ")}, not #{isolation}" unless ISOLATION.include?(level)

        modes << "isolation level #{level}"
      end
      modes << "read only" if read_only
      modes << "deferrable" if deferrable
      "begin #{modes.join(", ")}"
    end

    # A transaction in which a statement failed ends with ROLLBACK, whatever is asked for.
    def commit
      return query("release savepoint keep_#{@depth}") unless @depth.zero?
      return unless query("commit").command == "ROLLBACK"

      raise Invalid.new("nothing was committed: a statement of the transaction had failed", op: "sql.commit", sqlstate: "25P02")
    end

    # A begin or commit that was interrupted (Timeout, Thread#raise) may have happened or not. Nothing that follows on the lease
    # may find a transaction open, in which it would be lost: where the rollback is interrupted or fails, too, the lease goes
    # back. What became of a savepoint does not matter to its transaction, and rolling back to one that is not there would end
    # that.
    def settle(stage)
      if @depth.zero?
        query("rollback") unless stage == :ended
      elsif stage == :begun
        query("rollback to savepoint keep_#{@depth}; release savepoint keep_#{@depth}")
      end
      settled = true
    rescue Error
      nil # a lost link ended the transaction already; what the block raised says more
    ensure
      close unless settled
    end

    # What cleans up: a lost link or a failed transaction has done so already, and what the block raised says more.
    def quietly(sql)
      query(sql)
    rescue Error
      nil
    end

    def begin_copy(sql, way, timeout)
      answer = @store.perform(:query, [@held, sql, []], timeout, false)
      return if answer["copy"] == way

      raise Invalid.new("not a copy #{way == "in" ? "from stdin" : "to stdout"}", op: "sql.copy")
    end

    def give(piece, failure, timeout)
      @store.perform(:copy_in, [@held, piece, failure], timeout, true)
    end

    def break_off(failure, timeout)
      give(nil, failure, timeout)
    rescue Error
      nil # how a failed copy ends
    end

    def quoted(identifier)
      "\"#{identifier.to_s.gsub('"', '""')}\""
    end
  end
end
