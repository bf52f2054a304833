# frozen_string_literal: true

require "json"
require "statekeep"
require_relative "ruby_sql"

# What both Ruby adapters do: values of requests as Ruby values, exceptions as answers.
class RubyAdapter
  include RubySql

  def initialize
    @stores = {}
    @dsns = {}
    @calls = {}
    @leases = {}
    @writing = Mutex.new
    $stdout.sync = true
  end

  def dispatch(line)
    request = JSON.parse(line, max_nesting: false)
    public_send("do_#{request["do"]}", request)
  end

  def do_hello(request)
    answer(request, JSON.generate({ waits_when_full: true, forks: true, cancels: true, sql: true, **abilities }))
  end

  def do_open(request)
    answering(request) do
      @stores[request["store"]] = StateKeep.open(request["dsn"], **request["options"].transform_keys(&:to_sym))
      @dsns[request["store"]] = request["dsn"]
      nil
    end
  end

  def do_return(request)
    @leases.fetch(lease_name(request)).close
    answer(request, nil)
  end

  def do_close(request)
    @stores.fetch(request["store"]).close
    answer(request, nil)
  end

  # The child answers through a pipe. A fiber scheduler does not survive a fork, so the child works in a blocking fiber.
  def do_fork(request)
    ours, theirs = IO.pipe
    process = fork do
      Fiber.new(blocking: true) { theirs.write(child_pings(request["store"])) }.resume
      exit!(0)
    end
    theirs.close
    text = ours.read
    Process.wait(process)
    answer(request, text)
  end

  private

  # Does what a request asks for. @return [String] the result
  def serve_request(request)
    request["do"] == "call" ? call(request) : sql(request)
  end

  def timeout(request)
    request["deadline_ms"] && request["deadline_ms"] / 1000.0
  end

  def call(request)
    args = request["args"].to_h { |name, value| [name.to_sym, argument(value)] }
    @stores.fetch(request["store"]).call(request["op"], timeout: timeout(request), raw: true, **args)
  end

  # Bytes that are not UTF-8 become a String that says it is UTF-8, as one read from a file would.
  def argument(value)
    return value unless value.is_a?(Hash)

    form, inner = value.first
    case form
    when "value", "vector" then inner
    when "json" then StateKeep::Json.new(inner)
    when "base64" then inner.unpack1("m").force_encoding(Encoding::UTF_8)
    when "json_base64" then StateKeep::Json.new(inner.unpack1("m").force_encoding(Encoding::UTF_8))
    end
  end

  def child_pings(name)
    StateKeep.open(@dsns.fetch(name)) do |own|
      JSON.generate({ inherited: ping(@stores.fetch(name)), own: ping(own) })
    end
  end

  def ping(store)
    store.admin.ping
    "OK"
  rescue StateKeep::Error => e
    e.status
  end

  def answering(request)
    answer(request, yield)
  rescue StateKeep::Error => e
    answer_error(request, e)
  end

  def answer(request, result)
    write(id: request["id"], status: "OK", result: result || "null")
  end

  def answer_error(request, error)
    fields = { status: error.status, op: error.op, message: error.message, sqlstate: error.sqlstate,
               detail: error.detail, hint: error.hint, position: error.position, schema: error.schema,
               table: error.table, column: error.column, constraint: error.constraint, reason: error.reason,
               retry: error.retry? }
    write(id: request["id"], status: error.status, error: fields.compact)
  end

  def answer_cancelled(request)
    answer_error(request, StateKeep::Cancelled.new("the caller was stopped", op: request["op"]))
  end

  def write(message)
    line = "#{JSON.generate(message)}\n"
    @writing.synchronize { $stdout.write(line) }
  end
end
