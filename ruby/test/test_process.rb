# frozen_string_literal: true

require_relative "helper"
require "async"
require "rbconfig"

# What a process does besides calling: it forks, it ends, it collects garbage.
class TestProcess < Minitest::Test
  include StoreTests

  # Runs the block in a forked child; gives what it returned.
  def in_child
    reader, writer = IO.pipe
    child = fork do
      writer.write(Marshal.dump(yield))
      writer.flush
      exit!(0)
    end
    writer.close
    Marshal.load(reader.read)
  ensure
    Process.wait(child)
  end

  def test_a_child_is_told_and_may_open_anew
    name = agent
    lost = lost_connections
    statuses = in_child do
      first = store.admin.ping rescue $!.status
      in_fiber = Async { store.admin.ping rescue $!.status }.wait
      closed = store.close
      own = StateKeep.open(TEST_DSN) { |anew| anew.state.save(agent_id: name, session_id: "child", state: 1) }
      [first, in_fiber, closed, own]
    end
    assert_equal ["FORKED", "FORKED", nil, nil], statuses
    assert_equal ["child"], store.state.list(agent_id: name)
    assert_equal lost, lost_connections
  end

  def test_a_child_forked_by_a_fiber_may_open_anew_outside_the_scheduler
    answers = Async do
      in_child do
        Fiber.new(blocking: true) do
          [(store.admin.ping rescue $!.status), StateKeep.open(TEST_DSN) { |anew| anew.admin.ping }]
        end.resume
      end
    end.wait
    assert_equal ["FORKED", nil], answers
  end

  def test_a_child_of_a_busy_process_is_told
    lost = lost_connections
    stop = false
    busy = Array.new(4) { Thread.new { store.state.list(agent_id: agent) until stop } }
    5.times { assert_equal("FORKED", in_child { store.admin.ping rescue $!.status }) }
    stop = true
    busy.each(&:join)
    assert_equal lost, lost_connections
  end

  def test_a_child_that_exits_as_usual_leaves_the_parents_connections
    lost = lost_connections
    child = Process.spawn(RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }, "-e", <<~RUBY, TEST_DSN)
      require "statekeep"
      store = StateKeep.open(ARGV[0])
      store.admin.ping
      Process.wait(fork { store.admin.ping rescue exit(7) })
      exit($?.exitstatus == 7 && store.admin.ping.nil? && store.admin.stats["connections"]["lost"].zero?)
    RUBY
    Process.wait(child)
    assert_predicate $?, :success?
    assert_equal lost, lost_connections
  end

  def test_a_store_that_is_forgotten_gives_its_descriptors_back
    open_and_forget = -> { 5.times { StateKeep.open(TEST_DSN).admin.ping } }
    before = Dir.children("/proc/self/fd").size
    20.times do
      Thread.new(&open_and_forget).join
      GC.start
    end
    assert_operator Dir.children("/proc/self/fd").size, :<, before + 50
  end

  def test_a_process_ends_while_threads_and_fibers_wait
    script = <<~RUBY
      require "async"
      require "socket"
      require "statekeep"
      server = TCPServer.new("127.0.0.1", 0)
      store = StateKeep.open("host=127.0.0.1 port=\#{server.addr[1]} user=a dbname=b", connect_ms: 300_000, deadline_ms: 300_000)
      at_exit { store.close(timeout: 0) if ARGV[0] == "close" }
      2.times { Thread.new { store.admin.ping }.report_on_exception = false }
      Thread.new { Async { store.admin.ping } }.report_on_exception = false
      1000.times { store.admin.stats["calls"]["held"] == 4 ? break : sleep(0.01) }
      exit 3
    RUBY
    %w[close leave].each do |way|
      child = Process.spawn(RbConfig.ruby, *$LOAD_PATH.map { |path| "-I#{path}" }, "-e", script, way, err: File::NULL)
      assert_within(100) { Process.wait(child) }
      assert_equal 3, $?.exitstatus, way
    end
  end
end
