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
    # Killed before it runs, a thread would end without an answer: it is let in when its `ensure` is there.
    inside = Queue.new
    thread = Thread.new do
      inside << true
      result = [:answer, serve_request(request)]
    rescue StateKeep::Error => e
      result = [:answer_error, e]
    ensure
      Thread.handle_interrupt(Object => :never) { finish(request, result) }
    end
    @calls[request["id"]] = thread
    inside.pop
  end

  %w[lease query copy_in copy_out notification].each { |name| alias_method :"do_#{name}", :do_call }

  def do_cancel(request)
    @calls[request["id"]]&.kill
  end

  private

  def finish(request, result)
    @calls.delete(request["id"])
    result ? send(*result.insert(1, request)) : answer_cancelled(request)
  end
end

ThreadsAdapter.new.serve
