#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server): SWAPDB invalidates nothing in client-side caches.
#
# A client with CLIENT TRACKING ON has read k in database 0 and keeps the value. Another client says SWAPDB 0 1: under k the
# first one would read another value now, and no invalidation is sent, neither for k nor for all keys (as FLUSHALL has). Only
# the next write of that name invalidates it. With BCAST it is the same.
#
# Needs apt-get (bookworm) and node; exits with 0 when it is as described.
set -eu
dir=$(mktemp -d); port=$((20000 + RANDOM % 10000))
trap 'kill $server 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
apt-get -qq download redis-tools=5:7.0.15-1~deb12u7 > /dev/null
dpkg-deb -x redis-tools_*.deb .
cp usr/bin/redis-check-rdb redis-server
./redis-server --port $port --bind 127.0.0.1 --save '' > redis.log 2>&1 &
server=$!
./redis-server --version
cat > look.mjs <<'JS'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
const open = () => {
  const socket = connect(Number(process.argv[2]), '127.0.0.1')
  const client = { bytes: '', close: () => socket.destroy() }
  socket.on('data', (chunk) => { client.bytes += chunk })
  client.ask = async (...args) => {
    client.bytes = ''
    socket.write(`*${args.length}\r\n` + args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join(''))
    await sleep(100)
    return client.bytes.replaceAll('\r\n', ' ').trim()
  }
  return client
}
const caching = open()
const broadcast = open()
const other = open()
for (const client of [caching, broadcast]) await client.ask('HELLO', '3')
await caching.ask('CLIENT', 'TRACKING', 'ON')
await broadcast.ask('CLIENT', 'TRACKING', 'ON', 'BCAST')
await other.ask('SET', 'k', 'old')
await other.ask('SELECT', '1')
await other.ask('SET', 'k', 'new')
const before = await caching.ask('GET', 'k')
caching.bytes = broadcast.bytes = ''
const swapped = await other.ask('SWAPDB', '0', '1')
await sleep(300)
const told = [caching.bytes, broadcast.bytes]
const after = await caching.ask('GET', 'k')
caching.bytes = ''
await other.ask('FLUSHALL')
await sleep(100)
const flushed = caching.bytes.replaceAll('\r\n', ' ').trim()
console.log(JSON.stringify({ before, swapped, told, after, flushed }))
for (const client of [caching, broadcast, other]) client.close()
const stale = before === '$3 old' && swapped === '+OK' && told.join('') === '' && after === '$3 new' && flushed === '>2 $10 invalidate _'
console.log(stale ? 'as described: nobody was told' : 'it is not as described any more')
process.exit(stale ? 0 : 1)
JS
sleep 0.5
node look.mjs $port
