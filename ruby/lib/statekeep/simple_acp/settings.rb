# frozen_string_literal: true

module StateKeep
  module SimpleAcp
    # Where the database is, for the engine: from a storage's options or from the settings of a caller's Sequel handle.
    module Settings
      URL = "postgres://localhost/acp"
      # Sequel's, in seconds.
      POOL_TIMEOUT = 5
      PARTS = %i[host port database user password].freeze
      # Options of a handle that are for the engine too, and its names for them.
      WORDS = { host: "host", port: "port", database: "dbname", user: "user", username: "user", password: "password",
                sslmode: "sslmode", sslrootcert: "sslrootcert", sslcert: "sslcert", sslkey: "sslkey",
                connect_timeout: "connect_timeout", search_path: "search_path", encoding: "client_encoding",
                charset: "client_encoding", max_connections: "max_connections" }.freeze
      private_constant :PARTS, :WORDS

      module_function

      # @param options [Hash] of the storage
      # @return [String]
      def dsn(options)
        return handle_dsn(options[:db]) if options[:db]

        url = url(options)
        parts = parts(options).compact
        return url if parts.empty?

        # Of a part that is given twice the last counts.
        "#{url}#{url.include?("?") ? "&" : "?"}#{parts.map { |name, value| "#{WORDS.fetch(name)}=#{escape(value)}" }.join("&")}"
      end

      # @return [String] the URL that Sequel would connect to
      def url(options)
        options[:url] || ENV.fetch("DATABASE_URL", URL)
      end

      # @return [Float] seconds that a call may wait for a connection
      def pool_timeout(options)
        given = options[:db] ? options[:db].opts[:pool_timeout] : url(options)[/[?&]pool_timeout=([^&#]+)/, 1]
        Float(given || POOL_TIMEOUT)
      end

      # @return [Hash] the options that override parts of the URL
      def parts(options)
        options.slice(*PARTS)
      end

      # @param database [Sequel::Database]
      # @return [String] key=value words
      # @raise [Sequel::Error] when it is no PostgreSQL
      def handle_dsn(database)
        raise Failures.refused("not a PostgreSQL database: #{database.database_type}") if database.database_type != :postgres
        return database.opts[:conn_str] if database.opts[:conn_str]

        words = database.opts.filter_map do |name, value|
          "#{WORDS[name]}=#{quote(value)}" if WORDS[name] && !value.nil? && value != ""
        end
        # Without any, libpq's own defaults count and not the engine's.
        words.empty? ? "postgres://" : words.join(" ")
      end

      def quote(value)
        value = value.map { |part| "\"#{part.to_s.gsub('"', '""')}\"" }.join(",") if value.is_a?(Array)
        "'#{value.to_s.gsub(/['\\]/) { |mark| "\\#{mark}" }}'"
      end
      private_class_method :quote

      def escape(value)
        value.to_s.gsub(/[^A-Za-z0-9._~-]/) { |mark| mark.bytes.map { |byte| format("%%%02X", byte) }.join }
      end
      private_class_method :escape
    end
  end
end
