# frozen_string_literal: true

require_relative "simple_acp_helper"

# Loading without Sequel, with simple_acp installed, and in either order.
class TestSimpleAcpLoading < Minitest::Test
  include SimpleAcpTests

  # What matters of the gem for loading: models, an abstract storage, and a class in a file that requires nothing.
  GEM = {
    "simple_acp.rb" => <<~RUBY,
      require "statekeep/simple_acp/models"
      require "statekeep/simple_acp/storage_base"
      SimpleAcp::INSTALLED = true
    RUBY
    "simple_acp/storage/postgresql.rb" => <<~RUBY
      module SimpleAcp
        module Storage
          class PostgreSQL < Base
            def get_run(_id) = "the gem's own"
          end
        end
      end
    RUBY
  }.freeze
  USE = <<~RUBY
    storage = SimpleAcp::Storage::PostgreSQL.new(url: ENV.fetch("DATABASE_URL"))
    storage.save_run(SimpleAcp::Models::Run.new(run_id: "r", agent_name: "a"))
    print storage.get_run("r").run_id, " ", (defined?(SimpleAcp::INSTALLED) ? "installed" : "alone"), " "
    print storage.is_a?(SimpleAcp::Storage::Base)
  RUBY

  def with_gem
    Dir.mktmpdir do |directory|
      GEM.each do |path, text|
        FileUtils.mkdir_p(File.dirname("#{directory}/#{path}"))
        File.write("#{directory}/#{path}", text)
      end
      yield "$LOAD_PATH.unshift(#{directory.inspect})\n"
    end
  end

  def test_the_gem_may_be_loaded_before_or_after
    ours = "require 'statekeep/simple_acp'\n"
    theirs = "require 'simple_acp'\nrequire 'simple_acp/storage/postgresql'\n"
    with_gem do |path|
      ["", theirs].product(["", theirs]).each do |before, after|
        assert_equal "r installed true", ruby(path + before + ours + after + USE)
      end
    end
  end

  def test_without_sequel_the_errors_are_statekeeps
    output = ruby(<<~RUBY)
      require "statekeep/simple_acp"
      #{USE}
      storage.save_run(SimpleAcp::Models::Run.new(run_id: "r")) rescue print " ", $!.class
      storage.list_runs(limit: 0) rescue print " ", $!.class
      SimpleAcp::Storage::PostgreSQL.new(url: "postgres:///?host=/nowhere") rescue print " ", $!.class
      storage.close
      print " ", defined?(Sequel).inspect, " ", storage.instance_variable_get(:@db)[:acp_runs].count
    RUBY
    assert_equal "r alone true StateKeep::Invalid StateKeep::Invalid StateKeep::Unavailable nil 1", output
  end

  def test_parts_override_the_url
    address = SimpleAcpTests.address
    storage = open(url: "postgres://nobody@127.0.0.1:1/none?search_path=#{@schema}", host: address["host"],
                   port: address["port"].to_i, user: address["user"], database: address["dbname"])
    storage.save_run(a_run(run_id: "r"))
    assert_equal 1, @db[Sequel.qualify(@schema, :acp_runs)].count
    assert_equal 1, storage.instance_variable_get(:@db)[:acp_runs].count
  end

  def test_without_a_url_the_environment_says_where
    output = ruby("require 'statekeep/simple_acp'; print SimpleAcp::Storage::PostgreSQL.new.clear!")
    assert_equal ["0", true], [output, @db.table_exists?(Sequel.qualify(@schema, :acp_runs))]
  end

  def test_setup_can_be_skipped
    open(url: url, skip_setup: true)
    refute @db.table_exists?(Sequel.qualify(@schema, :acp_runs))
  end
end
