# frozen_string_literal: true

require_relative "helper"
require "bigdecimal"
require "time"

class TestValues < Minitest::Test
  include StoreTests

  def round_trip(value)
    store.state.save(agent_id: agent, session_id: "v", state: value)
    store.state.load(agent_id: agent, session_id: "v")
  end

  def test_values_come_back
    [nil, true, 0, -1.5, "", "\u{1F600}é", [], {}, [nil, { "a" => [1, "b"] }], 2**64 + 1, 10**399 + 7].each do |value|
      returned = round_trip(value)
      value.nil? ? assert_nil(returned) : assert_equal(value, returned)
    end
  end

  def test_symbols_become_strings
    assert_equal({ "a" => "b" }, round_trip({ a: :b }))
    assert_nil store.state.load(agent_id: agent.to_sym, session_id: :none)
  end

  def test_json_text_is_handed_on_untouched_and_raw_gives_text
    digits = "0.1#{"0123456789" * 40}"
    store.state.save(agent_id: agent, session_id: "v", state: StateKeep::Json.new("{\"n\":#{digits}}"))
    text = store.state.load(agent_id: agent, session_id: "v", raw: true)
    assert_equal "{\"n\": #{digits}}", text
    assert_equal Encoding::UTF_8, text.encoding
  end

  def test_decimal_class_keeps_every_digit
    exact = StateKeep.open(TEST_DSN, decimal_class: BigDecimal)
    exact.state.save(agent_id: agent, session_id: "v", state: StateKeep::Json.new("0.1000000000000000055511151231257827"))
    assert_equal BigDecimal("0.1000000000000000055511151231257827"), exact.state.load(agent_id: agent, session_id: "v")
  ensure
    exact.close
  end

  def test_other_encodings_are_transcoded_and_binary_is_taken_as_utf8
    latin = "caf\xE9".dup.force_encoding(Encoding::ISO_8859_1)
    store.state.save(agent_id: agent, session_id: latin, state: { "s" => "é".encode(Encoding::UTF_16LE) })
    assert_equal({ "s" => "é" }, store.state.load(agent_id: agent, session_id: "café".b))
    assert_equal ["café"], store.state.list(agent_id: agent)
    assert_equal Encoding::ISO_8859_1, latin.encoding
  end

  def test_text_that_is_not_utf8_is_invalid
    undefined = "\x81".dup.force_encoding(Encoding::Windows_1252)
    ["\xFF", "\xFF".b, undefined, "a\0b"].each do |text|
      assert_raises(StateKeep::Invalid, text.inspect) { store.state.load(agent_id: text, session_id: "s") }
    end
  end

  def test_what_json_cannot_hold_is_invalid
    loop_back = []
    loop_back << loop_back
    [Float::NAN, Float::INFINITY, "\xFF", ["\xFF"], loop_back].each do |value|
      error = assert_raises(StateKeep::Invalid) { store.state.save(agent_id: agent, session_id: "v", state: value) }
      assert_equal "state.save", error.op
    end
    assert_nil store.state.load(agent_id: agent, session_id: "v")
  end

  def test_deep_documents_come_back_in_threads_and_in_fibers
    deep = "[" * 1000 + "]" * 1000
    store.state.save(agent_id: agent, session_id: "v", state: StateKeep::Json.new(deep))
    assert_equal deep, JSON.generate(store.state.load(agent_id: agent, session_id: "v"), max_nesting: 0)
    Thread.new { assert_equal deep, JSON.generate(round_trip(JSON.parse(deep, max_nesting: false)), max_nesting: 0) }.join
  end

  def test_arguments_of_the_wrong_class_are_invalid
    assert_raises(StateKeep::Invalid) { store.state.load(agent_id: 5, session_id: "s") }
    error = assert_raises(StateKeep::Invalid) { store.state.list(agent_id: agent, limit: "many") }
    assert_equal "state.list: limit must be an Integer, not String", error.message
  end

  def test_texts_of_every_kind_of_argument
    encode = ->(kind, value) { StateKeep::Arguments.public_send(kind, value, "op", "arg") }
    assert_equal "12", encode[:int, 12]
    assert_equal "false", encode[:bool, false]
    assert_equal "null", encode[:json, nil]
    assert_nil encode[:optional_json, nil]
    assert_equal "2026-01-02T03:04:05.678901Z", encode[:time, Time.iso8601("2026-01-02T05:04:05.678901+02:00")]
    assert_equal Encoding::BINARY, encode[:bytes, "é"].encoding
    assert_raises(StateKeep::Invalid) { encode[:bool, "true"] }
    assert_raises(StateKeep::Invalid) { encode[:time, 5] }
  end

  def test_lists_are_json_arrays
    list = ->(type, *elements) { StateKeep::Arguments.list(elements, "op", "arg", type) }
    assert_equal '["a","b",null]', list[:text, "a", :b, nil]
    assert_equal "[1,2]", list[:int, 1, 2]
    assert_equal '[{"a":1.50}]', list[:json, StateKeep::Json.new('{"a":1.50}')]
    assert_equal '["/w=="]', list[:bytes, "\xFF"]
    assert_raises(StateKeep::Invalid) { StateKeep::Arguments.list("a", "op", "arg", :text) }
  end
end
