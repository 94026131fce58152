# redis-rb: pipelines, transactions with WATCH, subscriptions, a queue that is waited for, streams, scripts.
require 'redis'

port = Integer(ARGV[0])
redis = Redis.new(port: port)

redis.pipelined { |pipe| 200.times { |i| pipe.zadd('scores', i, "player #{i}") } }
puts "scores #{redis.zcard('scores')} #{redis.zrevrange('scores', 0, 2, with_scores: true)}"
puts "scanned #{redis.zscan_each('scores', count: 20).count} #{redis.scan_each(match: 's*').to_a}"

threads = Array.new(4) do
  Thread.new do
    own = Redis.new(port: port)
    25.times do
      loop do
        done = own.watch('balance') do
          value = own.get('balance').to_i
          own.multi { |transaction| transaction.set('balance', value + 1) }
        end
        break if done
      end
    end
  end
end
threads.each(&:join)
puts "balance #{redis.get('balance')}"

heard = []
listener = Thread.new do
  own = Redis.new(port: port)
  own.subscribe('news', 'sport') do |on|
    on.message do |channel, message|
      heard << "#{channel}: #{message}"
      own.unsubscribe if message == 'end'
    end
  end
end
sleep 0.01 until redis.pubsub('numsub', 'news', 'sport') == ['news', 1, 'sport', 1]
5.times { |i| redis.publish(i.even? ? 'news' : 'sport', i.to_s) }
redis.publish('news', 'end')
listener.join
puts "heard #{heard}"

workers = Array.new(2) do
  Thread.new do
    own = Redis.new(port: port)
    taken = 0
    while (_, job = own.blpop('jobs', timeout: 20))
      break if job == 'end'

      own.lpush('done', job)
      taken += 1
    end
    taken
  end
end
100.times { |i| redis.rpush('jobs', i.to_s) }
2.times { redis.rpush('jobs', 'end') }
puts "worked #{workers.sum(&:value)} sum #{redis.lrange('done', 0, -1).sum(&:to_i)}"

20.times { |i| redis.xadd('log', { n: i }) }
puts "log #{redis.xrange('log', count: 3).map { |_, fields| fields }} #{redis.xlen('log')}"
sha = redis.script(:load, "return redis.call('INCRBY', KEYS[1], ARGV[1])")
puts "script #{redis.evalsha(sha, keys: ['n'], argv: [4])} #{redis.evalsha(sha, keys: ['n'], argv: [5])}"
begin
  redis.lpush('n', 'x')
rescue Redis::CommandError => e
  puts e.message
end
