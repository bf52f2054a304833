# frozen_string_literal: true

require_relative "helper"
require "open3"
require "rbconfig"

class TestReadme < Minitest::Test
  include StoreTests

  def test_examples_run
    examples = File.read(File.expand_path("../README.md", __dir__)).scan(/^```ruby\n(.*?)^```/m).flatten
    outputs = examples.map do |example|
      load_path = $LOAD_PATH.map { |path| "-I#{path}" }
      output, status = Open3.capture2({ "STATEKEEP_DSN" => TEST_DSN }, RbConfig.ruby, *load_path, "-e", example)
      assert_predicate status, :success?, example
      output
    end
    assert_equal "#{{ "step" => 1 }}\n", outputs[0]
    assert_equal 3, outputs[1].scan(/"s\d"/).size
  end

  def teardown
    store.state.list(agent_id: "agent").each { |session| store.state.delete(agent_id: "agent", session_id: session) }
  end
end
