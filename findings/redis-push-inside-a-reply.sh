#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server): a RESP3 push can stand in the middle of another reply.
#
# A connection that has said HELLO 3 and is subscribed to __keyevent@*__:expired sends MGET c a b c, of which a and b have
# passed their deadlines but are still there (nobody touched them). MGET finds them expired while it writes its array, and
# the two messages are written where the array has got to:
#
#     *4  $1 3  >4 … a  _  >4 … b  _  $1 3
#
# The protocol's text says that pushes come before or after a reply, never inside one, and parsers that believe it take the
# push for the array's second element and lose count from there on. What one sees with active expiry on is the same, only
# rarely. Redis 7.2 and later write such messages behind the reply.
#
# Needs apt-get (bookworm) and node; exits with 0 when it is as described.
set -eu
dir=$(mktemp -d); port=$((20000 + RANDOM % 10000))
trap 'kill $server 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
apt-get -qq download redis-tools=5:7.0.15-1~deb12u7 > /dev/null
dpkg-deb -x redis-tools_*.deb .
redis=$(readlink -f usr/bin/redis-check-rdb)
cp "$redis" redis-server
./redis-server --port $port --bind 127.0.0.1 --save '' --enable-debug-command local > redis.log 2>&1 &
server=$!
./redis-server --version
cat > look.mjs <<'JS'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
const socket = connect(Number(process.argv[2]), '127.0.0.1')
let bytes = ''
socket.on('data', (chunk) => { bytes += chunk })
const ask = async (...args) => {
  bytes = ''
  socket.write(`*${args.length}\r\n` + args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join(''))
  await sleep(100)
  return bytes
}
await ask('HELLO', '3')
await ask('CONFIG', 'SET', 'notify-keyspace-events', 'Ex')
await ask('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
await ask('PSUBSCRIBE', '__keyevent@*__:expired')
await ask('SET', 'a', '1', 'PX', '50')
await ask('SET', 'b', '2', 'PX', '50')
await ask('SET', 'c', '3')
await sleep(200)
const reply = await ask('MGET', 'c', 'a', 'b', 'c')
console.log(reply.replaceAll('\r\n', ' '))
socket.destroy()
const inside = reply.startsWith('*4\r\n$1\r\n3\r\n>4\r\n') && reply.endsWith('\r\n_\r\n$1\r\n3\r\n')
console.log(inside ? 'as described: the pushes stand inside the array' : 'it is not as described any more')
process.exit(inside ? 0 : 1)
JS
sleep 0.5
node look.mjs $port
