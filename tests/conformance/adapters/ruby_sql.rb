# frozen_string_literal: true

require "json"

# SQL of the caller's own, for both Ruby adapters.
module RubySql
  # How a copy is given up: by what its block raises.
  class GivenUp < StandardError
  end

  private

  # @return [String] the result of a request
  def sql(request)
    JSON.generate(send(:"sql_#{request["do"]}", request))
  end

  def lease_name(request)
    request.values_at("store", "lease")
  end

  # The store, or the lease that the request names.
  def session(request)
    request["lease"] ? @leases.fetch(lease_name(request)) : @stores.fetch(request["store"])
  end

  # Killed after it has the lease, the thread keeps it before it ends.
  def sql_lease(request)
    Thread.handle_interrupt(Object => :on_blocking) do
      @leases[lease_name(request)] = @stores.fetch(request["store"]).lease(timeout: timeout(request))
    end
    nil
  end

  def sql_query(request)
    values = request.fetch("params", []).map { |value| value.is_a?(Hash) ? value["base64"].unpack1("m") : value }
    told(session(request).query(request["sql"], *values, timeout: timeout(request)))
  end

  def told(rows)
    result = { command: rows.command, count: rows.affected }
    result.update(columns: rows.columns, rows: rows.lists.map { |row| row.map { |value| cell(value) } }) if rows.columns
    result[:more] = rows.more.map { |more| told(more) } unless rows.more.empty?
    result
  end

  def cell(value)
    case value
    when Integer, String, true, false, nil then value
    when Float then value.finite? ? value : value.to_s
    when BigDecimal then value.to_s("F")
    when Hash, Array then JSON.generate(value)
    else value.to_s
    end
  end

  def sql_copy_in(request)
    count = session(request).copy_in(request["sql"], timeout: timeout(request)) do |copy|
      request.fetch("repeat", 1).times { request["data"].each { |piece| copy << piece } }
      raise GivenUp, request["failure"] if request["failure"]
    end
    { command: "COPY #{count}", count: count }
  rescue GivenUp => e
    raise StateKeep::Invalid.new(e.message, op: "sql.copy_in")
  end

  def sql_copy_out(request)
    text = String.new
    sizes = []
    session(request).copy_out(request["sql"], timeout: timeout(request)) do |piece|
      request["sizes"] ? sizes << piece.bytesize : text << piece
      break if sizes.size == request["stop"]
    end
    return text.force_encoding(Encoding::UTF_8) unless request["sizes"]

    { bytes: sizes.sum, pieces: sizes.size, largest: sizes.max || 0 }
  end

  def sql_notification(request)
    wait = timeout(request)
    notification = session(request).notifications(timeout: wait).first
    raise StateKeep::Deadline.new("nothing came in time", op: "sql.notification") unless notification

    notification.to_h
  end
end
