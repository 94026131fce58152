# Redis.pm: pipelines by callbacks, WATCH, subscriptions, a list that is tied to Redis, a queue for two processes.
use strict;
use warnings;
use Redis;
use Redis::List;

my $server = "127.0.0.1:$ARGV[0]";
my $redis = Redis->new(server => $server);

my $stored = 0;
$redis->set("key:$_", $_, sub { $stored++ if $_[0] eq 'OK' }) for 1 .. 300;
$redis->wait_all_responses;
print "stored $stored\n";

$redis->watch('balance');
$redis->incr('balance');
$redis->multi;
$redis->incr('balance');
print 'watched ', (defined $redis->exec ? 'executed' : 'not executed'), "\n";
$redis->multi;
$redis->incr('balance') for 1 .. 3;
print 'exec ', join(',', $redis->exec), "\n";

tie my @list, 'Redis::List', 'list', server => $server;
push @list, 1 .. 50;
print 'tied ', scalar(@list), ' ', $list[10], ' ', pop @list, ' ', shift @list, "\n";

my @pids = map {
    my $pid = fork;
    if (!$pid) {
        my $own = Redis->new(server => $server);
        while (my ($key, $job) = $own->blpop('jobs', 20)) {
            last if $job eq 'end';
            $own->hincrby('results', $job % 10, $job);
        }
        exit 0;
    }
    $pid;
} 1 .. 2;
$redis->rpush('jobs', $_) for 1 .. 100;
$redis->rpush('jobs', 'end', 'end');
waitpid $_, 0 for @pids;
my %results = $redis->hgetall('results');
print 'results ', join(',', map { "$_:$results{$_}" } sort keys %results), "\n";

my $heard = 0;
$redis->subscribe('news', sub { $heard++ });
my $publisher = Redis->new(server => $server);
$publisher->publish('news', $_) for 1 .. 10;
$redis->wait_for_messages(1) while $heard < 10;
print "heard $heard\n";
eval { $publisher->lpush('balance', 1) };
print $@ =~ /(WRONGTYPE[^,]*)/, "\n";
