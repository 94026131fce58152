#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server): a Sentinel ends scripts of clients.
#
# A master that executes a script answers PING with -BUSY after lua-time-limit. When that goes on for down-after-milliseconds the
# Sentinel sends it SCRIPT KILL by itself. So a script that only reads, and would have ended, is answered with "-ERR Script killed
# by user with SCRIPT KILL", though no user has sent that (the master's commandstats count it all the same). Here the script
# wants 8 s, down-after is 1 s, and it ends after about 1.5 s.
#
# Needs apt-get (with access to bookworm) and node; exits with 0 when it is as described.
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
redis() { "$loader" --argv0 redis-server --library-path "$libraries" "$binary" "$@"; }
redis --port $port --bind 127.0.0.1 --save '' --lua-time-limit 500 > redis.log 2>&1 &
cat > sentinel.conf <<CONF
port $((port + 1))
bind 127.0.0.1
sentinel monitor m 127.0.0.1 $port 1
sentinel down-after-milliseconds m 1000
CONF
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
redis sentinel.conf --sentinel > sentinel.log 2>&1 &
cat > look.mjs <<'JS'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
const socket = connect(Number(process.argv[2]), '127.0.0.1')
let bytes = ''
let heard = () => {}
socket.on('data', (chunk) => { bytes += chunk; if (bytes.endsWith('\r\n')) heard() })
const ask = async (...args) => {
  bytes = ''
  const reply = new Promise((resolve) => { heard = resolve })
  socket.write(`*${args.length}\r\n` + args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join(''))
  await reply
  return bytes.trim()
}
const version = /redis_version:(\S+)/.exec(await ask('INFO', 'server'))?.[1]
await sleep(3000) // the Sentinel has seen the master
const script = `local t = redis.call('TIME') local e = t[1] + 8
repeat t = redis.call('TIME') until tonumber(t[1]) >= e return 'done'`
const start = Date.now()
const reply = await ask('EVAL', script, '0')
const seconds = (Date.now() - start) / 1000
const kills = Number(/cmdstat_script\|kill:calls=(\d+)/.exec(await ask('INFO', 'commandstats'))?.[1] ?? 0)
console.log(JSON.stringify({ version, seconds, kills, reply }))
socket.destroy()
const same = reply.startsWith('-') && /killed by user/i.test(reply) && kills > 0 && seconds < 7
console.log(same ? 'as described: the Sentinel has ended the script' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
node look.mjs $port
