<?php
// Predis (in PHP alone): pipelines, transactions that check and set, subscriptions, iterators, its own script commands, a queue.
require 'Predis/Autoloader.php';
Predis\Autoloader::register();
$port = (int) $argv[1];
$client = new Predis\Client(['port' => $port, 'read_write_timeout' => 30]);

$replies = $client->pipeline(function ($pipe) {
    for ($i = 0; $i < 200; $i++) {
        $pipe->sadd("tag:" . ($i % 10), "article $i");
    }
});
echo 'written ', array_sum($replies), ' ', $client->scard('tag:3'), ' ', count($client->sunion(['tag:1', 'tag:2'])), "\n";
$found = 0;
foreach (new Predis\Collection\Iterator\Keyspace($client, 'tag:*', 5) as $key) {
    foreach (new Predis\Collection\Iterator\SetKey($client, $key) as $member) {
        $found++;
    }
}
echo "iterated $found\n";

$client->set('balance', 100);
for ($i = 0; $i < 10; $i++) {
    $client->transaction(['watch' => 'balance', 'cas' => true, 'retry' => 3], function ($transaction) {
        $balance = $transaction->get('balance');
        $transaction->multi();
        $transaction->set('balance', $balance - 7);
    });
}
echo 'balance ', $client->get('balance'), "\n";
try {
    $client->transaction(['watch' => 'balance', 'cas' => true], function ($transaction) use ($port) {
        $transaction->get('balance');
        (new Predis\Client(['port' => $port]))->incr('balance');
        $transaction->multi();
        $transaction->set('balance', 0);
    });
} catch (Predis\Transaction\AbortedMultiExecException $e) {
    echo 'aborted ', $client->get('balance'), "\n";
}

class IncreaseBelow extends Predis\Command\ScriptCommand
{
    public function getKeysCount()
    {
        return 1;
    }

    public function getScript()
    {
        return 'local n = tonumber(redis.call("GET", KEYS[1]) or 0) ' .
            'if n < tonumber(ARGV[1]) then return redis.call("INCR", KEYS[1]) end return n';
    }
}
$client->getProfile()->defineCommand('increasebelow', 'IncreaseBelow');
for ($i = 0; $i < 8; $i++) {
    $client->increasebelow('limited', 5);
}
echo 'limited ', $client->get('limited'), "\n";

$publisher = new Predis\Client(['port' => $port]);
$loop = $client->pubSubLoop();
$loop->subscribe('news', 'control');
$subscribed = 0;
foreach ($loop as $message) {
    if ($message->kind === 'subscribe' && ++$subscribed === 2) {
        foreach (['one', 'two', 'three'] as $text) {
            $publisher->publish('news', $text);
        }
        $publisher->publish('control', 'end');
    } elseif ($message->kind === 'message') {
        echo "heard {$message->channel} {$message->payload}\n";
        if ($message->channel === 'control') {
            $loop->unsubscribe();
        }
    }
}
unset($loop);

$client = new Predis\Client(['port' => $port, 'read_write_timeout' => 30]);
for ($i = 0; $i < 100; $i++) {
    $client->zadd('delayed', [$i => $i]);
}
$moved = 0;
while ($popped = $client->zrangebyscore('delayed', '-inf', '+inf', ['limit' => [0, 10]])) {
    foreach ($popped as $job) {
        if ($client->zrem('delayed', $job)) {
            $client->lpush('ready', $job);
            $moved++;
        }
    }
}
$sum = 0;
while ($job = $client->brpop(['ready', 'empty'], 1)) {
    $sum += $job[1];
}
echo "moved $moved sum $sum\n";
