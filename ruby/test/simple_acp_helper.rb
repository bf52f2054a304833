# frozen_string_literal: true

require_relative "helper"
require "cgi"
require "open3"
require "rbconfig"
require "sequel"
require "statekeep/simple_acp"

# What the tests of the drop-in share: each test has a schema of its own, which goes away with it.
module SimpleAcpTests
  include StoreTests
  include SimpleAcp

  # The test server's address as words of a connection string: an embedded one's are in its file of state.
  def self.address
    @address ||= if TEST_DSN.start_with?("embedded:")
                   StoreTests.shared.admin.ping
                   file = Dir.glob("#{TEST_DSN.delete_prefix("embedded:")}/**/postmaster.pid").first
                   lines = File.readlines(file, chomp: true)
                   { "host" => lines[4], "port" => lines[3], "user" => "postgres", "dbname" => "postgres" }
                 else
                   TEST_DSN.scan(/(\w+)='?([^ ']+)'?/).to_h
                 end
  end

  def url(**parameters)
    address = SimpleAcpTests.address
    query = { host: address["host"], port: address["port"], user: address["user"], search_path: @schema, **parameters }
    "postgres:///#{address["dbname"]}?#{query.map { |name, value| "#{name}=#{CGI.escape(value.to_s)}" }.join("&")}"
  end

  def setup
    @schema = "acp_#{SecureRandom.hex(6)}"
    @closing = []
    @db = Sequel.connect(url)
    @db.run("create schema #{@schema}")
  end

  def teardown
    @closing.each(&:close)
    @db.run("drop schema #{@schema} cascade")
    @db.disconnect
  end

  # A storage on the test's schema.
  def open(**options)
    options = { url: url } if options.empty?
    Storage::PostgreSQL.new(options).tap { |made| @closing << made }
  end

  # One for the test, also when many threads are the first to ask.
  def storage
    OPENING.synchronize { @storage ||= open }
  end

  OPENING = Mutex.new
  private_constant :OPENING

  # A handle of the test's schema, as a user of the storage has one.
  def handle(**options)
    Sequel.connect(url, **options).tap { |made| @closing << Disconnecting.new(made) }
  end

  Disconnecting = Struct.new(:database) do
    def close
      database.disconnect
    end
  end

  def a_run(**values)
    Models::Run.new(agent_name: "echo", **values)
  end

  # Runs Ruby code in a process of its own. @return [String] its output
  def ruby(code, env = {})
    load_path = $LOAD_PATH.map { |path| "-I#{path}" }
    output, errors, status = Open3.capture3({ "DATABASE_URL" => url }.merge(env), RbConfig.ruby, *load_path, "-e", code)
    assert_predicate status, :success?, output + errors
    output
  end
end
