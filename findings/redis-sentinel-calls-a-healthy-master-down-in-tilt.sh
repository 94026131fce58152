#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server): SENTINEL MASTERS calls a healthy master objectively down for half a minute.
#
# A Sentinel whose timer is late by 2 s (here it is stopped for 4 s and goes on) is in TILT for 30 s. In that time it goes on to ping
# its masters and takes their answers, but it changes no flag and publishes nothing of them. A master that was down when TILT
# began, and is back a second later, stays "s_down,o_down" for whoever asks SENTINEL MASTERS, beside a last-ok-ping-reply of less
# than a second, and only INFO (sentinel_tilt:1) says that it means nothing. At the end subscribers hear -tilt BEFORE any
# flag has been looked at again: who then goes by what he was told last takes healthy masters for dead.
#
# Needs apt-get (with access to bookworm) and node; takes about 45 s; exits with 0 when it is as described.
set -eu
dir=$(mktemp -d); port=$((20000 + RANDOM % 10000))
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
suite() { # suite NAME PACKAGE=VERSION BINARY: unpacks a package of another Debian suite with its libraries
  mkdir -p state/lists/partial cache/archives/partial root
  : > state/status
  mirror=$(apt-get indextargets --format "\$(REPO_URI)" "Codename: bookworm" | head -1)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $1 main" > sources.list
  apt="apt-get -qq -o Dir::Etc::sourcelist=$dir/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State=$dir/state
    -o Dir::State::status=$dir/state/status -o Dir::Cache=$dir/cache -o APT::Sandbox::User=root -o Acquire::Languages=none"
  $apt update > /dev/null
  $apt -d --no-install-recommends install "$2" > /dev/null
  for deb in cache/archives/*.deb; do dpkg-deb -x "$deb" root; done
  loader=$(find root -name 'ld-linux-x86-64.so.2' | head -1)
  libraries=$(find "$dir/root" -name '*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
  binary=$(readlink -f "root/usr/bin/$3")
}
suite bookworm redis-server=5:7.0.15-1~deb12u7 redis-server
"$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save '' > redis.log 2>&1 & master=$!
cat > sentinel.conf <<CONF
port $((port + 1))
bind 127.0.0.1
sentinel monitor m 127.0.0.1 $port 1
sentinel down-after-milliseconds m 1000
CONF
"$loader" --argv0 redis-server --library-path "$libraries" "$binary" sentinel.conf --sentinel > sentinel.log 2>&1 & sentinel=$!
sleep 3
cat > look.mjs <<'JS'
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
const [port, sentinel, master, ...start] = process.argv.slice(2)
const open = (number) => {
  const socket = connect(number, '127.0.0.1')
  const state = { bytes: '', ask: async (line) => { state.bytes = ''; socket.write(line + '\r\n'); await sleep(200); return state.bytes } }
  socket.on('data', (chunk) => { state.bytes += chunk })
  return state
}
const asked = open(Number(port) + 1)
const heard = open(Number(port) + 1)
const version = /redis_version:(\S+)/.exec(await asked.ask('INFO server'))?.[1]
heard.bytes = ''
await heard.ask('PSUBSCRIBE *')
const look = async () => {
  const text = await asked.ask('SENTINEL MASTERS')
  const field = (name) => new RegExp(`\\r\\n${name}\\r\\n\\$\\d+\\r\\n([^\\r]*)`).exec(text)?.[1]
  const tilt = (await asked.ask('INFO sentinel')).includes('sentinel_tilt:1')
  return { flags: field('flags'), okPingMsAgo: Number(field('last-ok-ping-reply')), tilt }
}
process.kill(Number(master), 'SIGKILL')
await sleep(3000)
const down = await look()
process.kill(Number(sentinel), 'SIGSTOP')
const again = spawn(start[0], start.slice(1), { stdio: 'ignore' })
await sleep(4000)
process.kill(Number(sentinel), 'SIGCONT')
await sleep(12_000)
const inTilt = await look()
heard.bytes = ''
for (let tries = 0; tries < 120 && !heard.bytes.includes('-tilt'); tries++) await sleep(250)
await sleep(1000)
const after = await look()
const order = [...heard.bytes.matchAll(/\r\n([+-](?:tilt|sdown|odown))\r\n/g)].map(([, name]) => name)
again.kill('SIGKILL')
console.log(JSON.stringify({ version, down, inTilt, after, order }))
const same =
  down.flags?.includes('o_down') && inTilt.tilt && inTilt.flags?.includes('o_down') && inTilt.okPingMsAgo < 2000 &&
  order[0] === '-tilt' && order.includes('-odown') && !after.flags?.includes('down') && !after.tilt
console.log(same ? 'as described: a healthy master was called down' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
node look.mjs $port $sentinel $master "$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save ''
