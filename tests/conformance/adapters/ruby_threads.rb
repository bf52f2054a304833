# frozen_string_literal: true

require_relative "ruby_calls"

# The adapter of the gem with a thread for each call in flight. A call is let go by killing its thread.
class ThreadsAdapter < RubyAdapter
  def abilities
    { binding: "ruby threads", ordered: false }
  end

  def serve
    $stdin.each_line { |line| dispatch(line) }
    @calls.values.each(&:join)
    @stores.each_value(&:close)
  end

  def do_call(request)
    # It may be killed while it serves, and only then: what comes before and after would end without an answer.
    inside = Queue.new
    Thread.new do
      Thread.handle_interrupt(Object => :never) do
        @calls[request["id"]] = Thread.current
        inside << true
        finish(request) { Thread.handle_interrupt(Object => :immediate) { serve_request(request) } }
      end
    end
    inside.pop
  end

  %w[lease query copy_in copy_out notification].each { |name| alias_method :"do_#{name}", :do_call }

  def do_cancel(request)
    @calls[request["id"]]&.kill
  end

  private

  def finish(request)
    result = [:answer, request, yield]
  rescue StateKeep::Error => e
    result = [:answer_error, request, e]
  ensure
    @calls.delete(request["id"])
    send(*(result || [:answer_cancelled, request]))
  end
end

ThreadsAdapter.new.serve
