# frozen_string_literal: true

require_relative "helper"
require "rbconfig"

class TestStore < Minitest::Test
  include StoreTests

  def test_block_form_gives_the_blocks_value_and_closes
    kept = nil
    assert_equal 5, (StateKeep.open(TEST_DSN) { |own| (kept = own) && 5 })
    assert_raises(StateKeep::Closed) { kept.admin.ping }
    assert_nil kept.close
  end

  def test_call_by_name_is_the_same_as_the_method
    store.call("state.save", agent_id: agent, session_id: "s", state: [1])
    assert_equal [1], store.state.load(agent_id: agent, session_id: "s")
    assert_equal "[1]", store.call("state.load", agent_id: agent, session_id: "s", raw: true, timeout: 5)
  end

  def test_every_operation_is_a_method_with_its_arguments_as_keywords
    StateKeep::Operations::CATALOG.each do |spec|
      noun, verb = spec["op"].split(".")
      keywords = spec["args"].map { |arg| [arg["nullable"] ? :key : :keyreq, arg["name"].to_sym] }
      keywords.push(%i[key timeout], %i[key raw])
      assert_equal keywords.sort, store.public_send(noun).method(verb).parameters.sort
    end
    assert_raises(ArgumentError) { store.state.save(agent_id: "a") }
  end

  def test_signatures_are_those_of_the_catalogue
    signatures = File.expand_path("../sig", __dir__)
    made = IO.popen([RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }, "#{signatures}/generate.rb"], &:read)
    assert_equal made, File.read("#{signatures}/operations.rbs"), "run rake sig"
  end

  def test_names_given_as_data_are_checked
    assert_raises(StateKeep::Invalid) { store.call("state.nothing") }
    assert_raises(StateKeep::Invalid) { store.call("state.load", agent_id: "a") }
    error = assert_raises(StateKeep::Invalid) { store.call("state.load", agent_id: "a", session_id: "s", colour: 1) }
    assert_equal "state.load: no argument colour", error.message
    assert_raises(StateKeep::Invalid) { store.call("state.save", agent_id: agent, session_id: "s") }
  end

  def test_an_error_says_what_happened
    error = assert_raises(StateKeep::Invalid) do
      store.state.save(agent_id: agent, session_id: "s", state: StateKeep::Json.new("{"))
    end
    assert_equal ["INVALID", "state.save", false], [error.status, error.op, error.retry?]
    assert_kind_of StateKeep::Error, error
    assert_match(/\A22/, error.sqlstate)
  end

  def test_every_status_has_its_class
    statuses = (StateKeep::Core::ABSENT..StateKeep::Core::INTERNAL).map { |number| StateKeep::Core.status_name(number) }
    raised = statuses.map { |name| StateKeep::Error.from_json(JSON.generate(status: name, message: "m")) }
    assert_equal statuses, raised.map(&:status)
    assert_equal statuses.size, raised.map(&:class).uniq.size
  end

  def test_wrong_openings_are_invalid
    assert_raises(StateKeep::Invalid) { StateKeep.open(TEST_DSN, connections: 0) }
    assert_raises(StateKeep::Invalid) { StateKeep.open(TEST_DSN, no_such_option: 1) }
    assert_raises(StateKeep::Invalid) { StateKeep.open(TEST_DSN, hold: true) }
    error = assert_raises(StateKeep::Invalid) { StateKeep.open("postgres://me:secret@[::1/x") }
    refute_includes error.message, "secret"
  end

  def test_an_unreachable_server_is_unavailable
    StateKeep.open("host=127.0.0.1 port=1", connect_ms: 200) do |lost|
      error = assert_raises(StateKeep::Unavailable) { lost.admin.ping }
      assert_predicate error, :retry?
    end
  end

  def test_timeouts_end_calls
    with_silent_store do |silent|
      assert_within(15) { assert_raises(StateKeep::Deadline) { silent.call("admin.ping", timeout: 0.05) } }
      assert_within(15) { assert_raises(StateKeep::Deadline) { silent.call("admin.ping", timeout: 0) } }
      waiting = Thread.new { silent.call("admin.ping", timeout: Float::INFINITY) }
      assert_nil waiting.join(0.2)
      waiting.kill.join
    end
  end

  def test_close_from_another_thread_ends_waiting_calls
    with_silent_store do |silent|
      waiting = Thread.new { silent.admin.ping }
      waiting.report_on_exception = false
      await_held(silent, 1)
      silent.close
      assert_raises(StateKeep::Closed) { waiting.value }
    end
  end
end
