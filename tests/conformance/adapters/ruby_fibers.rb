# frozen_string_literal: true

require "async"
require "io/nonblock"
require_relative "ruby_calls"

# The adapter of the gem with a fiber for each call in flight, under Async's scheduler, in one thread. A call is let go
# by stopping its task.
class FibersAdapter < RubyAdapter
  def abilities
    { binding: "ruby fibers", ordered: true }
  end

  def serve
    # Reading from a descriptor that blocks would stop all fibers (Ruby 3.1).
    $stdin.nonblock = true
    Async do
      $stdin.each_line { |line| dispatch(line) }
      @calls.values.each(&:wait)
      @stores.each_value(&:close)
    end
  end

  def do_call(request)
    @calls[request["id"]] = :starting
    task = Async do
      result = [:answer, serve_request(request)]
    rescue StateKeep::Error => e
      result = [:answer_error, e]
    ensure
      finish(request, result)
    end
    @calls[request["id"]] = task if @calls.key?(request["id"])
  end

  %w[lease query copy_in copy_out notification].each { |name| alias_method :"do_#{name}", :do_call }

  def do_cancel(request)
    @calls[request["id"]]&.stop
  end

  private

  def finish(request, result)
    @calls.delete(request["id"])
    result ? send(*result.insert(1, request)) : answer_cancelled(request)
  end
end

FibersAdapter.new.serve
