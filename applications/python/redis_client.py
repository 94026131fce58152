"""redis-py's own habits: pipelines, WATCH, locks, published messages, a stream with a group, a registered script, SCAN."""
import sys
import threading
import time

import redis

port = int(sys.argv[1])
client = redis.Redis(port=port, decode_responses=True)

with client.pipeline(transaction=False) as pipe:
    for i in range(500):
        pipe.hset(f"user:{i}", mapping={"name": f"user {i}", "visits": i})
    print("written", sum(pipe.execute()))
print("found", len(list(client.scan_iter(match="user:*", count=50))))


def transfer():
    own = redis.Redis(port=port)
    for _ in range(50):
        own.transaction(lambda pipe: (pipe.multi(), pipe.incr("account:a"), pipe.decr("account:b")), "account:a")


def one_more():
    own = redis.Redis(port=port)
    for _ in range(20):
        with own.lock("lock", timeout=10, sleep=0.002):
            own.set("guarded", int(own.get("guarded") or 0) + 1)


for work in (transfer, one_more):
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("accounts", client.mget("account:a", "account:b"), "guarded", client.get("guarded"))

heard = []
listener = client.pubsub(ignore_subscribe_messages=True)
listener.subscribe(**{"news": lambda message: heard.append(message["data"])})
listener.psubscribe(**{"news:*": lambda message: heard.append(message["channel"])})
thread = listener.run_in_thread(sleep_time=0.01)
while client.pubsub_numsub("news")[0][1] == 0 or client.pubsub_numpat() == 0:
    time.sleep(0.01)
for i in range(10):
    client.publish("news", i)
client.publish("news:sport", "goal")
while len(heard) < 11:
    time.sleep(0.01)
thread.stop()
thread.join()
print("heard", heard)

client.xgroup_create("stream", "readers", mkstream=True)
for i in range(20):
    client.xadd("stream", {"n": i})
read = 0
for name in ("one", "other"):
    [[_, entries]] = client.xreadgroup("readers", name, {"stream": ">"}, count=10)
    read += len(entries)
    if name == "one":
        client.xack("stream", "readers", *[entry for entry, _ in entries])
print("read", read, "pending", client.xpending("stream", "readers")["pending"])
_, claimed, _ = client.xautoclaim("stream", "readers", "one", 0)
print("claimed", len(claimed))

script = client.register_script("local n = redis.call('INCRBY', KEYS[1], ARGV[1]); return {n, redis.call('TIME')[1] > '0' and 1 or 0}")
print("script", script(keys=["sum"], args=[5]), script(keys=["sum"], args=[7]))
print("script in a pipeline", script(keys=["sum"], args=[1], client=client))
