<?php
// phpredis (the extension): PHP's sessions with locks in Redis, pipelines, transactions, scans, streams, serializers, scripts.
$port = (int) $argv[1];

// Five processes increase what one session has; the lock lets them in one by one.
ini_set('session.save_handler', 'redis');
ini_set('session.save_path', "tcp://127.0.0.1:$port?prefix=session:");
ini_set('redis.session.locking_enabled', '1');
ini_set('redis.session.lock_wait_time', '5000');
ini_set('redis.session.lock_retries', '-1');
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
if (($argv[2] ?? '') === 'visit') {
    for ($i = 0; $i < 20; $i++) {
        session_id('visitor');
        session_start();
        $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
        session_write_close();
    }
    exit;
}

$redis = new Redis();
$redis->connect('127.0.0.1', $port);

$pipe = $redis->multi(Redis::PIPELINE);
for ($i = 0; $i < 300; $i++) {
    $pipe->hMSet("product:$i", ['name' => "product $i", 'price' => $i]);
}
echo 'written ', count(array_filter($pipe->exec())), "\n";
$redis->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
$found = [];
for ($cursor = null; ($keys = $redis->scan($cursor, 'product:*', 50)) !== false;) {
    $found = array_merge($found, $keys);
}
echo 'found ', count(array_unique($found)), "\n";

$redis->watch('stock');
$redis->set('stock', 5);
echo 'watched ', var_export($redis->multi()->decr('stock')->exec(), true), "\n";
echo 'unwatched ', json_encode($redis->multi()->decrBy('stock', 2)->get('stock')->exec()), "\n";

$redis->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_PHP);
$redis->set('object', ['list' => [1, 2, 3]], ['nx', 'ex' => 100]);
echo 'object ', json_encode($redis->get('object')), ' ', $redis->ttl('object') > 90 ? 'expires' : 'stays', "\n";
$redis->setOption(Redis::OPT_SERIALIZER, Redis::SERIALIZER_NONE);

for ($i = 0; $i < 10; $i++) {
    $redis->xAdd('events', '*', ['n' => $i]);
}
$redis->xGroup('CREATE', 'events', 'readers', '0');
$read = $redis->xReadGroup('readers', 'one', ['events' => '>'], 6);
echo 'read ', count($read['events']), ' acknowledged ', $redis->xAck('events', 'readers', array_keys($read['events'])), "\n";
$redis->geoAdd('cities', 13.36, 38.11, 'Palermo', 15.08, 37.50, 'Catania');
echo 'near ', json_encode($redis->geoRadius('cities', 15, 37, 100, 'km')), "\n";
echo 'script ', $redis->eval('return redis.call("INCRBY", KEYS[1], ARGV[1])', ['counter', 7], 1), ' ', json_encode($redis->getLastError()), "\n";
echo 'error ', var_export($redis->lPush('stock', 'x'), true), ' ', $redis->getLastError(), "\n";

$visitors = [];
for ($i = 0; $i < 5; $i++) {
    $visitors[] = proc_open([PHP_BINARY, __FILE__, $port, 'visit'], [1 => ['file', '/dev/null', 'w']], $pipes);
}
foreach ($visitors as $visitor) {
    proc_close($visitor);
}
session_id('visitor');
session_start();
echo 'visits ', $_SESSION['visits'], "\n";
session_destroy();
echo 'destroyed ', $redis->exists('session:visitor'), "\n";
