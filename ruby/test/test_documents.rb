# frozen_string_literal: true

require "minitest/autorun"
require "securerandom"
require "statekeep/simple_acp"

# The extension's JSON of models against the models' own.
class TestDocuments < Minitest::Test
  include SimpleAcp

  Documents = StateKeep::SimpleAcp::Documents

  def event(data)
    Models::GenericEvent.new(data: data)
  end

  # What the extension writes must be what JSON.generate writes of the same values.
  def assert_written(data)
    model = event(data)
    assert_equal model.to_json, Documents.text(model)
    assert_equal [model].to_json, Documents.text([model])
  end

  PLAIN = [
    "", "é日本😀", (0..0x7f).map(&:chr).join, "a/b\\\"", "ascii".encode("US-ASCII"), 0, -1, 2**70, 1.5, -0.0, 1e300, 1e-7, true, false,
    [], {}, [[], [nil, [{}]]], { "a" => { b: [1, { "c" => nil }] }, "a\n" => 1 }, { "x" => {}, "y" => [] }, "x" * 100_000
  ].freeze

  def test_plain_values_are_written_by_the_extension
    plans = Documents.instance_variable_get(:@plans)
    PLAIN.each do |data|
      assert_written(data)
      refute_nil StateKeep::Core.document(event(data), plans), data.inspect
    end
  end

  def test_what_is_not_plain_is_left_to_the_models
    own_text = Class.new(String) { def to_json(*) = '"own"' }
    own_object = Class.new { def to_json(*) = '"object"' }
    [own_text.new("x"), own_object.new, :symbol, "é".encode("UTF-16LE"), "é".encode("ISO-8859-1"), 1r, { 1 => 2, nil => 3 },
     Models::Error.new(code: "c", message: "m"), Time.at(10**12), Class.new(Array).new([1])].each { |data| assert_written(data) }
  end

  def test_errors_are_jsons
    [Float::NAN, -Float::INFINITY, "\xff", "\xff".b, { "\xff" => 1 }].each do |data|
      assert_raises(JSON::GeneratorError, data.inspect) { Documents.text(event([1, data])) }
    end
    deep = nil
    98.times { deep = [deep] }
    assert_written(deep)
    assert_raises(JSON::NestingError) { Documents.text(event([[deep]])) }
  end

  def test_times_of_many_years
    random = Random.new(7)
    times = Array.new(2000) { Time.at(random.rand(-30_000_000_000..200_000_000_000), random.rand(1_000_000), :usec) }
    times.push(Time.utc(1000), Time.utc(999, 12, 31), Time.utc(9999, 12, 31, 23, 59, 59), Time.utc(10_000), Time.at(-0.5))
    messages = times.map { |time| Models::Message.new(role: "user", created_at: time) }
    assert_equal JSON.parse(messages.to_json), JSON.parse(Documents.text(messages))
    assert_equal times.map { |time| time.getutc.iso8601 }, JSON.parse(Documents.text(messages)).map { |m| m["created_at"] }
  end

  def read(text)
    StateKeep::Core.message_times([{ "created_at" => text }]).first["created_at"]
  end

  def test_times_are_read_as_the_models_read_them
    random = Random.new(8)
    texts = Array.new(2000) { Time.at(random.rand(-62_000_000_000..250_000_000_000)).getutc.iso8601 }
    %w[2024-02-29T23:59:59Z 2023-02-29T00:00:00Z 1900-03-01T00:00:00Z 0000-01-01T00:00:00Z 9999-12-31T23:59:59Z].each { |text| texts << text }
    texts.each { |text| assert_equal [Time.utc(*text.scan(/\d+/)), 0, true], [read(text), read(text).utc_offset, read(text).utc?], text }
    ["2026-11-21", "2026-11-21T05:58:36+01:00", "2026-13-21T05:58:36Z", "2026-11-00T05:58:36Z", "2026-11-21T24:00:00Z",
     "2026-11-21T05:60:36Z", "2026-11-21T05:58:60Z", "2026-11-21 05:58:36Z", "+026-11-21T05:58:36Z", "2026-11-21T05:58:3 Z", 7, nil]
      .each { |other| other.nil? ? assert_nil(read(other)) : assert_equal(other, read(other)) }
  end

  # Only where the models have times.
  def test_times_are_read_in_their_places
    text = "2026-01-01T00:00:00Z"
    message = { "created_at" => text, "completed_at" => text, "finished_at" => text, "parts" => [{ "created_at" => text }] }
    read = { **message, "created_at" => Time.utc(2026), "completed_at" => Time.utc(2026) }
    run = { "created_at" => text, "finished_at" => text, "completed_at" => text, "output" => [message, 7], "await_request" => { "message" => message } }
    read_run = { "created_at" => Time.utc(2026), "finished_at" => Time.utc(2026), "completed_at" => text, "output" => [read, 7],
                 "await_request" => { "message" => read } }
    copy = ->(value) { JSON.parse(JSON.generate(value)) }
    { { "message" => message, "created_at" => text } => { "message" => read, "created_at" => text }, { "run" => run } => { "run" => read_run },
      { "await_request" => { "message" => message, "created_at" => text } } => { "await_request" => { "message" => read, "created_at" => text } },
      { "data" => { "message" => message } } => { "data" => { "message" => message } }, { "run" => 7, "message" => [] } => { "run" => 7, "message" => [] } }
      .each { |event, wanted| assert_equal [wanted, nil, 7], StateKeep::Core.event_times([copy.(event), nil, 7]) }
    assert_equal({ "message" => read }, StateKeep::Core.message_times({ "message" => copy.(message) }))
    assert_nil StateKeep::Core.message_times(nil)
  end

  def test_models_in_models
    message = Models::Message.agent("one", Models::MessagePart.new(content_type: "text/plain", content: "t",
                                                                 metadata: Models::CitationMetadata.new(url: "u", start_index: 1)))
    run = Models::Run.new(agent_name: "a", output: [message.complete!])
    run.await!(Models::MessageAwaitRequest.new(message: message))
    [run, Models::RunCreatedEvent.new(run: run), message, Models::Session.new(history: [message], state: { a: Time.now })]
      .each { |model| assert_equal model.to_json, Documents.text(model) }
  end

  def test_readers_are_asked
    shouting = Class.new(Models::Message) { def role = super.upcase }
    model = shouting.new(role: "user", parts: [])
    assert_equal model.to_json, Documents.text(model)
    assert_includes Documents.text(model), "USER"
  end

  def test_what_a_reader_raises_is_raised
    broken = Class.new(Models::Message) { def parts = raise(ArgumentError, "broken") }
    assert_raises(ArgumentError) { Documents.text(broken.new(role: "user")) }
  end
end
