# frozen_string_literal: true

require_relative "simple_acp_helper"

# What each method of the drop-in stores, gives and refuses.
class TestSimpleAcp < Minitest::Test
  include SimpleAcpTests

  def test_a_saved_run_comes_back
    run = a_run(session_id: "s")
    assert_same run, storage.save_run(run)
    run.start!
    run.complete!([Models::Message.agent("done", { "n" => 2**60 }, Models::MessagePart.json([1]))])
    run.await!(Models::MessageAwaitRequest.new(message: Models::Message.agent("and now?")))
    storage.save_run(run)
    found = storage.get_run(run.run_id)
    assert_equal [run.run_id, "echo", "s", "awaiting"], [found.run_id, found.agent_name, found.session_id, found.status]
    assert_equal run.output.map(&:to_h), found.output.map(&:to_h)
    assert_equal run.await_request.to_h, found.await_request.to_h
    assert_instance_of Models::MessageAwaitRequest, found.await_request
    assert_equal [run.created_at.floor(6), run.finished_at.floor(6)], [found.created_at, found.finished_at]
    assert_nil found.error
  end

  def test_a_failed_run_keeps_its_error
    storage.save_run(a_run(run_id: "r").fail!("boom"))
    assert_equal({ code: "server_error", message: "boom" }, storage.get_run("r").error.to_h)
  end

  def test_what_is_not_there
    assert_nil storage.get_run("none")
    assert_nil storage.get_run(nil)
    assert_nil storage.get_session("none")
    assert_nil storage.get_session(nil)
    assert_equal [], storage.get_events("none")
    assert_equal 0, storage.delete_run("none")
    assert_equal 0, storage.delete_session(nil)
    assert_equal({ runs: [], total: 0 }, storage.list_runs)
  end

  def test_a_run_without_times_has_none
    run = a_run(run_id: "r")
    run.created_at = nil
    storage.save_run(run)
    assert_nil storage.get_run("r").created_at
  end

  def test_deleting_a_run_takes_its_events
    storage.save_run(a_run(run_id: "r"))
    storage.add_event("r", Models::GenericEvent.new(data: 1))
    storage.add_event("other", Models::GenericEvent.new(data: 2))
    assert_equal 1, storage.delete_run("r")
    assert_equal [[], 1], [storage.get_events("r"), storage.get_events("other").size]
  end

  def test_runs_are_listed_newest_first_with_their_number
    at = Time.now
    5.times { |i| storage.save_run(a_run(run_id: "r#{i}", session_id: "s#{i % 2}", created_at: at + i)) }
    page = storage.list_runs(limit: 2, offset: 1)
    assert_equal [5, %w[r3 r2]], [page[:total], page[:runs].map(&:run_id)]
    assert_equal %w[r4 r2 r0], storage.list_runs(session_id: "s0")[:runs].map(&:run_id)
    assert_equal 2, storage.list_runs(agent_name: "echo", session_id: "s1", limit: nil)[:total]
    assert_equal 5, storage.list_runs(agent_name: nil, session_id: false, limit: "10")[:runs].size
    assert_equal({ runs: [], total: 0 }, storage.list_runs(agent_name: "nobody"))
  end

  def test_limits_are_refused_as_sequel_refuses_them
    { limit: [0, "Limits must be greater than or equal to 1"], offset: [-1, "Offsets must be greater than or equal to 0"] }
      .each do |name, (value, message)|
        assert_equal message, assert_raises(Sequel::Error) { storage.list_runs(name => value) }.message
        assert_equal message, assert_raises(Sequel::Error) { storage.get_events("r", name => value) }.message
      end
  end

  def test_a_session_comes_back
    session = Models::Session.new(id: "s")
    session.add_to_history(Models::Message.user("hello"))
    session.set_state({ counter: 42, deep: [nil, { "x" => 1.5 }] })
    assert_same session, storage.save_session(session)
    session.add_to_history(Models::Message.agent("hi").complete!)
    storage.save_session(session)
    found = storage.get_session("s")
    assert_equal session.history.map(&:to_h), found.history.map(&:to_h)
    assert_equal({ "counter" => 42, "deep" => [nil, { "x" => 1.5 }] }, found.state)
    assert_equal 1, storage.delete_session("s")
  end

  def test_a_state_of_false_is_kept_and_none_is_none
    storage.save_session(Models::Session.new(id: "false").set_state(false))
    storage.save_session(Models::Session.new(id: "nil"))
    assert_equal false, storage.get_session("false").state
    assert_nil storage.get_session("nil").state
  end

  def test_messages_are_appended
    storage.append_messages("s", [Models::Message.user("1")])
    storage.append_messages("s", [])
    storage.append_messages("s", [Models::Message.agent("2"), Models::Message.user("3\u0000")])
    assert_equal ["1", "2", "3\u0000"], storage.get_session("s").history.map(&:text_content)
  end

  def test_every_event_comes_back
    run = a_run(run_id: "r").fail!("boom")
    message = Models::Message.agent("m")
    error = Models::Error.new(code: "not_found", message: "no", data: [1])
    events = [
      Models::MessageCreatedEvent.new(message: message), Models::MessagePartEvent.new(part: Models::MessagePart.text("p")),
      Models::MessageCompletedEvent.new(message: message), Models::RunCreatedEvent.new(run: run),
      Models::RunInProgressEvent.new(run_id: "r"),
      Models::RunAwaitingEvent.new(run_id: "r", await_request: Models::MessageAwaitRequest.new(message: message)),
      Models::RunCompletedEvent.new(run: run), Models::RunCancelledEvent.new(run_id: "r"),
      Models::RunFailedEvent.new(run_id: "r", error: error), Models::GenericEvent.new(data: { "t" => "\u0000" }),
      Models::ErrorEvent.new(error: error)
    ]
    events.each { |event| assert_same event, storage.add_event("r", event) }
    found = storage.get_events("r")
    assert_equal events.map(&:class), found.map(&:class)
    assert_equal events.map(&:to_json), found.map(&:to_json)
    assert_equal Time.at(message.created_at.to_i), found.first.message.created_at
  end

  def test_tied_events_page_through_exactly
    60.times { |i| storage.add_event("r", Models::GenericEvent.new(data: i)) }
    @db[Sequel.qualify(@schema, :acp_events)].update(created_at: Time.now)
    pages = Array.new(9) { |page| storage.get_events("r", limit: 7, offset: page * 7) }
    assert_equal (0...60).to_a, pages.flatten.map(&:data)
  end

  def test_clearing
    storage.save_session(Models::Session.new(id: "s"))
    storage.save_run(a_run(run_id: "r"))
    storage.add_event("r", Models::GenericEvent.new)
    assert_equal 1, storage.clear!
    assert_equal [0, []], [storage.list_runs[:total], storage.get_events("r")]
  end

  def test_closed_it_opens_again
    storage.save_run(a_run(run_id: "r"))
    assert_kind_of Array, storage.close
    assert_equal "r", storage.get_run("r").run_id
  end

  def test_ping_asks_the_server
    assert_equal true, storage.ping
    nowhere = Sequel.connect("postgres:///none?host=/nowhere", test: false)
    assert_equal false, open(db: nowhere, skip_setup: true).ping
  end

  def test_errors_are_sequels
    refused = { Sequel::NotNullConstraintViolation => -> { storage.save_run(a_run(agent_name: nil)) },
                Sequel::DatabaseConnectionError => -> { open(url: url, database: "no_such_database") } }
    ["a\0b", "\xff", 7, ["a"], :a].each_with_index do |id, index|
      refused[[Sequel::DatabaseError, index]] = -> { storage.get_run(id) }
      refused[[Sequel::DatabaseError, index, :event]] = -> { storage.add_event(id, Models::GenericEvent.new) }
    end
    refused.each do |wanted, call|
      error = assert_raises(*wanted) { call.call } if wanted.is_a?(Class)
      error ||= assert_raises(wanted.first) { call.call }
      assert_kind_of StateKeep::Error, error.wrapped_exception
    end
    @db.run("drop table #{@schema}.acp_runs")
    assert_raises(Sequel::DatabaseError) { storage.get_run("r") }
  end

  def test_the_last_event_id_is_a_database_error
    storage
    @db.run("alter sequence #{@schema}.acp_events_id_seq restart with 2147483647")
    storage.add_event("r", Models::GenericEvent.new)
    assert_raises(Sequel::DatabaseError) { storage.add_event("r", Models::GenericEvent.new) }
  end

  def test_damaged_documents_are_json_errors
    storage
    @db.run("insert into #{@schema}.acp_runs (run_id, agent_name, status, output) values ('r', 'a', 's', '[')")
    @db.run("insert into #{@schema}.acp_events (run_id, event_type, data) values ('r', 'e', null)")
    assert_raises(JSON::ParserError) { storage.get_run("r") }
    assert_raises(JSON::ParserError) { storage.list_runs }
    assert_raises(TypeError) { storage.get_events("r") }
    assert_raises(JSON::GeneratorError) { storage.add_event("r", Models::GenericEvent.new(data: "\xff")) }
  end

  def test_messages_with_other_times_are_read_as_the_models_read_them
    storage
    times = ["2026-11-21T05:58:36.25+01:00", "no time", nil]
    history = times.map { |time| { role: "user", parts: [], created_at: time } }
    @db[Sequel.qualify(@schema, :acp_sessions)].insert(id: "s", history: history.to_json)
    assert_equal [Time.utc(2026, 11, 21, 4, 58, 36.25r), nil, nil], storage.get_session("s").history.map(&:created_at)
  end

  def test_a_model_that_writes_itself_is_asked
    own = Class.new(Models::GenericEvent) { def to_h = super.merge(extra: 1) }
    storage.add_event("r", own.new(data: 2))
    assert_equal '{"type":"generic","data":2,"extra":1}', @db[Sequel.qualify(@schema, :acp_events)].get(:data)
  end
end
