"""channels-redis: both layers of Django Channels, groups, many receivers, capacities."""
import asyncio
import sys

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

HOSTS = [f"redis://127.0.0.1:{sys.argv[1]}/0"]


async def groups(layer, name):
    channels = [await layer.new_channel() for _ in range(20)]
    for channel in channels:
        await layer.group_add("room", channel)
    receivers = [asyncio.ensure_future(receive(layer, channel, 10)) for channel in channels]
    for i in range(10):
        await layer.group_send("room", {"type": "chat", "text": str(i)})
    got = await asyncio.wait_for(asyncio.gather(*receivers), 30)
    print(name, "each got", sorted({",".join(sorted(texts)) for texts in got}))
    await layer.group_discard("room", channels[0])
    await layer.group_send("room", {"type": "chat", "text": "last"})
    print(name, "the others got", {(await asyncio.wait_for(layer.receive(channel), 10))["text"] for channel in channels[1:]})
    try:
        await asyncio.wait_for(layer.receive(channels[0]), 0.3)
    except asyncio.TimeoutError:
        print(name, "who left got nothing")


async def receive(layer, channel, count):
    return [(await layer.receive(channel))["text"] for _ in range(count)]


async def main():
    core = RedisChannelLayer(hosts=HOSTS, capacity=15)
    await groups(core, "core")
    for i in range(15):
        await core.send("plain", {"type": "job", "n": i})
    try:
        await core.send("plain", {"type": "job", "n": 15})
    except Exception as error:
        print("full", type(error).__name__)
    print("plain", [(await core.receive("plain"))["n"] for _ in range(15)])
    await core.flush()
    await core.close_pools()
    layer = RedisPubSubChannelLayer(hosts=HOSTS)
    await groups(layer, "pubsub")
    await layer.flush()


asyncio.run(main())
