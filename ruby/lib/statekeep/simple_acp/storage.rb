# frozen_string_literal: true

require_relative "failures"
require_relative "clock"
require_relative "documents"
require_relative "handle"
require_relative "settings"

module SimpleAcp
  module Storage
    # Runs, sessions and events in PostgreSQL, for threads and for fibers under a scheduler. Takes the place of simple_acp's
    # class of this name on the same tables, which either may go on using.
    #
    # Errors are Sequel's where Sequel is loaded (DatabaseConnectionError, DatabaseError and its subclasses), else
    # StateKeep's. Calls inside a transaction of the handle, `db.transaction { … }`, belong to it.
    class PostgreSQL < Base
      # @param options [Hash]
      # @option options [Sequel::Database] :db a handle whose database is used; its connections are only for its transactions
      # @option options [String] :url default: ENV["DATABASE_URL"], then postgres://localhost/acp
      # @option options [String] :host also :port, :database, :user, :password; override the URL's
      # @option options [Boolean] :skip_setup do not make missing tables
      # @raise [Sequel::DatabaseConnectionError, StateKeep::Error] when there is no such database
      def initialize(options = {})
        super
        @lock = Thread::Mutex.new
        @statements = {}
        @handle = StateKeep::SimpleAcp::Handle.new(options[:db]) { connect }
        @clock = StateKeep::SimpleAcp::Clock.new { @handle.database }
        @db = @handle.shown
        @dsn = StateKeep::SimpleAcp::Settings.dsn(options)
        @queue_ms = (StateKeep::SimpleAcp::Settings.pool_timeout(options) * 1000).ceil.clamp(1, 2**31 - 1)
        prepare
      end

      # @return [Models::Run, nil]
      def get_run(run_id)
        return nil if run_id.nil?

        fields = read("run.load", [text(run_id, "run_id")])
        fields && documents.run(fields, @clock)
      end

      # Stores a run in place of the one of that id.
      # @return [Models::Run] the same object
      def save_run(run)
        write("run.save", [
                required(run.run_id, "run_id", "acp_runs"), required(run.agent_name, "agent_name", "acp_runs"),
                text(run.session_id, "session_id"), required(run.status, "status", "acp_runs"), documents.text(run.output),
                document(run.error), document(run.await_request),
                @clock.digits(run.created_at), @clock.digits(run.finished_at), @clock.digits(Time.now)
              ])
        run
      end

      # Deletes a run and its events, both or neither.
      # @return [Integer] runs deleted, 0 or 1
      def delete_run(run_id)
        run_id.nil? ? 0 : read("run.delete", [text(run_id, "run_id")])
      end

      # The newest runs first.
      # @param limit [Integer, nil] nil for all
      # @return [Hash] `:runs`, a page of them, and `:total`, how many there are in all pages
      def list_runs(agent_name: nil, session_id: nil, limit: 10, offset: 0)
        page = [count(limit, "Limits", 1), count(offset, "Offsets", 0)]
        found = if agent_name || session_id
                  read("run.find", [text(agent_name || nil, "agent_name"), text(session_id || nil, "session_id"), *page])
                else
                  read("run.list", page)
                end
        { runs: found["runs"].map { |fields| documents.run(fields, @clock) }, total: found["total"] }
      end

      # @return [Models::Session, nil]
      def get_session(session_id)
        return nil if session_id.nil?

        fields = read("session.load", [text(session_id, "id")])
        fields && documents.session(fields)
      end

      # Stores a session in place of the one of that id.
      # @return [Models::Session] the same object
      def save_session(session)
        write("session.save", [required(session.id, "id", "acp_sessions"), documents.text(session.history),
                               document(session.state), @clock.digits(Time.now)])
        session
      end

      # Adds messages to the end of a stored session, which need not be read nor sent; of two workers that append at the same
      # time neither loses its messages. A session that is not there begins with them.
      # @param messages [Array<Models::Message>]
      # @return [nil]
      def append_messages(session_id, messages)
        write("session.append", [required(session_id, "id", "acp_sessions"), documents.text(messages),
                                 @clock.digits(Time.now)])
        nil
      end

      # @return [Integer] sessions deleted, 0 or 1; its runs and events stay
      def delete_session(session_id)
        session_id.nil? ? 0 : read("session.delete", [text(session_id, "id")])
      end

      # @return [Models::Event] the same object
      def add_event(run_id, event)
        write("event.add", [required(run_id, "run_id", "acp_events"), required(event.type, "event_type", "acp_events"),
                            documents.text(event), @clock.digits(Time.now)])
        event
      end

      # The events of a run by time; those of one time in the order they were added.
      # @param limit [Integer, nil] nil for all
      # @return [Array<Models::Event>]
      def get_events(run_id, limit: 100, offset: 0)
        page = [count(limit, "Limits", 1), count(offset, "Offsets", 0)]
        return [] if run_id.nil?

        documents.events(read("event.data", [text(run_id, "run_id"), *page]))
      end

      # Ends the connections; the next call opens new ones.
      # @return [Array] what the handle's disconnect gives
      def close
        closing = @lock.synchronize { @store.tap { @store = nil } }
        closing&.close
        @handle.database ? @handle.database.disconnect : []
      end

      # @return [Boolean] whether the server answers
      def ping
        store.admin.ping(timeout: 5)
        true
      rescue StandardError
        false
      end

      # Deletes all runs, sessions and events.
      # @return [Integer] sessions deleted
      def clear!
        read("acp.clear", [])
      end

      private

      def documents
        StateKeep::SimpleAcp::Documents
      end

      # The constructor of the class we stand in for fails at once where there is no database.
      def prepare
        if !@options[:skip_setup]
          write("acp.setup", [])
        elsif !@options[:db]
          StateKeep::SimpleAcp::Failures.translated { store.admin.ping }
        end
      rescue StandardError
        @store&.close(timeout: 0)
        raise
      end

      # Sequel's handle, for users' own queries and transactions.
      def connect
        require "sequel"
        settings = StateKeep::SimpleAcp::Settings
        ::Sequel.connect(settings.url(@options), **settings.parts(@options), test: false)
      end

      # A forked child opens a store of its own; the parent's is its parent's.
      def store
        return @store if @store && @process == Process.pid

        @lock.synchronize do
          @store = nil unless @process == Process.pid
          @process = Process.pid
          @store ||= StateKeep::SimpleAcp::Failures.translated { StateKeep.open(@dsn, queue_ms: @queue_ms) }
        end
      end

      def write(op, values)
        return @handle.call(op, statement(op), values) if @handle.in_transaction?

        StateKeep::SimpleAcp::Failures.translated { store.perform(op, values, nil, true) }
      end

      # @raise [JSON::ParserError] when a document is no JSON
      def read(op, values)
        documents.parse(write(op, values))
      rescue StandardError => e
        raise unless sqlstate(e) == "22P02"

        raise JSON::ParserError, e.message
      end

      def sqlstate(error)
        cause = error.respond_to?(:wrapped_exception) ? error.wrapped_exception : error
        return cause.sqlstate if cause.is_a?(StateKeep::Error)

        cause.result&.error_field(::PG::Result::PG_DIAG_SQLSTATE) if defined?(::PG::Error) && cause.is_a?(::PG::Error)
      end

      def statement(op)
        @statements[op] ||= store.admin.setup_sql(op: op)
      end

      # Text for the server, or nil.
      def text(value, name)
        return value if value.nil?
        raise refuse("#{name} must be a String, not #{value.class}") unless value.is_a?(String)

        # On the caller's handle nobody else would look.
        raise refuse("#{name} is not valid #{value.encoding}") unless value.valid_encoding?
        raise refuse("#{name} holds a NUL byte") if value.include?("\0")

        value
      end

      def required(value, name, table)
        raise StateKeep::SimpleAcp::Failures.missing(name, table) if value.nil?

        text(value, name)
      end

      def document(value)
        value.nil? ? nil : documents.text(value)
      end

      # A limit or an offset as the digits the engine takes.
      def count(value, name, least)
        return nil if value.nil?

        number = value.is_a?(String) ? value.to_i : value.round
        raise StateKeep::SimpleAcp::Failures.refused("#{name} must be greater than or equal to #{least}") if number < least

        number.to_s
      end

      def refuse(message)
        StateKeep::SimpleAcp::Failures.translate(StateKeep::Invalid.new(message))
      end
    end
  end
end
