# frozen_string_literal: true

require "sequel"

# The statements of simple_acp's PostgreSQL storage, through Sequel: a count and then an insert or an update for each save,
# JSON by the models' own to_json and from_hash.
class Peer
  include SimpleAcp

  def initialize(url, connections)
    @db = Sequel.connect(url, max_connections: connections, pool_timeout: 60)
  end

  def get_run(id)
    row = @db[:acp_runs].where(run_id: id).first
    return nil unless row

    run = Models::Run.new(**row.slice(:run_id, :agent_name, :session_id, :status))
    parsed = row.slice(:output, :error, :await_request).transform_values { |text| text && JSON.parse(text) }
    run.output = (parsed[:output] || []).map { |message| Models::Message.from_hash(message) }
    run.error = parsed[:error] && Models::Error.from_hash(parsed[:error])
    run.await_request = Models::AwaitRequest.from_hash(parsed[:await_request])
    run.created_at = row[:created_at]
    run.finished_at = row[:finished_at]
    run
  end

  def save_run(run)
    row = { run_id: run.run_id, agent_name: run.agent_name, session_id: run.session_id, status: run.status,
            output: run.output.to_json, error: run.error&.to_json, await_request: run.await_request&.to_json,
            created_at: run.created_at, finished_at: run.finished_at, updated_at: Time.now }
    save(@db[:acp_runs], { run_id: run.run_id }, row)
    run
  end

  def save_session(session)
    row = { id: session.id, history: session.history.to_json, state: session.state&.to_json, updated_at: Time.now }
    save(@db[:acp_sessions], { id: session.id }, row, created_at: Time.now)
    session
  end

  def add_event(run_id, event)
    @db[:acp_events].insert(run_id: run_id, event_type: event.type, data: event.to_json, created_at: Time.now)
    event
  end

  def get_events(run_id, limit: 100, offset: 0)
    rows = @db[:acp_events].where(run_id: run_id).order(:created_at).limit(limit).offset(offset).all
    rows.map { |row| Models::Events.from_hash(JSON.parse(row[:data])) }
  end

  def close
    @db.disconnect
  end

  private

  def save(table, key, row, **created)
    table.where(key).count.positive? ? table.where(key).update(row) : table.insert(row.merge(created))
  end
end
