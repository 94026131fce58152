# Sidekiq: a hundred jobs for two processes of workers, jobs that fail and are tried again, scheduled ones, the dead ones, statistics.
require 'sidekiq'
require 'sidekiq/api'

PORT = ENV['APPLICATION_PORT'] || ARGV[0]
url = "redis://127.0.0.1:#{PORT}/0"
Sidekiq.configure_server do |config|
  config.redis = { url: url }
  config.options[:poll_interval_average] = 0.3
end
Sidekiq.configure_client { |config| config.redis = { url: url } }

class Add
  include Sidekiq::Job

  def perform(a, b)
    Sidekiq.redis { |redis| redis.hset('results', "#{a}+#{b}", a + b) }
  end
end

class FailOnce
  include Sidekiq::Job
  sidekiq_options retry: 3
  sidekiq_retry_in { 1 }

  def perform(name)
    raise 'not yet' if Sidekiq.redis { |redis| redis.hincrby('tries', name, 1) } == 1
  end
end

class Fail
  include Sidekiq::Job
  sidekiq_options retry: 0

  def perform
    raise 'never'
  end
end

def wait_until(what, seconds = 60)
  deadline = Time.now + seconds
  until yield
    if Time.now > deadline
      puts "not within #{seconds} s: #{what}"
      break
    end
    sleep 0.05
  end
end

if ENV['APPLICATION_PORT'].nil?
  50.times { |i| Add.perform_async(i, i) }
  Add.perform_bulk((50...100).map { |i| [i, i] })
  5.times { |i| FailOnce.perform_async(i.to_s) }
  Fail.perform_async
  Add.perform_in(1, 20, 22)
  puts "added #{Sidekiq::Queue.new.size} scheduled #{Sidekiq::ScheduledSet.new.size}"
  workers = Array.new(2) do
    spawn({ 'APPLICATION_PORT' => PORT }, 'sidekiq', '-r', File.expand_path(__FILE__), '-c', '3', '-t', '3',
          %i[out err] => '/dev/null', chdir: '/tmp')
  end
  begin
    stats = Sidekiq::Stats
    wait_until('all are done') do
      Sidekiq.redis { |redis| redis.hlen('results') } == 101 && Sidekiq::RetrySet.new.size.zero? &&
        Sidekiq::DeadSet.new.size == 1 && stats.new.processed >= 112
    end
    wait_until('both are here') { Sidekiq::ProcessSet.new.size == 2 }
    results = Sidekiq.redis { |redis| redis.hvals('results') }
    puts "results #{results.size} sum #{results.sum(&:to_i)}"
    puts "tries #{Sidekiq.redis { |redis| redis.hgetall('tries') }.sort}"
    puts "dead #{Sidekiq::DeadSet.new.map { |job| [job.klass, job['error_message']] }}"
    puts "processed #{stats.new.processed} failed #{stats.new.failed} enqueued #{stats.new.enqueued}"
  ensure
    workers.each { |pid| Process.kill('TERM', pid) }
    workers.each { |pid| Process.wait(pid) }
  end
  puts "left #{Sidekiq::Queue.new.size} #{Sidekiq::ProcessSet.new.size}"
end
