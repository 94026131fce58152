#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server): a server beyond its maxmemory (noeviction) refuses every command of a
# transaction, those that only read and those that free memory as well.
#
# Outside of MULTI, GET and DEL are served, and so is a script that deletes; between MULTI and EXEC each of them is refused
# with -OOM when it is queued, and EXEC answers -EXECABORT. So "MULTI, DEL key, EXEC" does not get an application out of it,
# "DEL key" does. (Redis 8.0.2 and Valkey 8.1.1 queue and execute both.)
#
# Needs apt-get (with access to bookworm) and node; exits with 0 when it is as described.
set -eu
dir=$(mktemp -d); port=$((20000 + RANDOM % 10000))
trap 'kill $server 2>/dev/null || true; rm -rf "$dir"' EXIT
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
"$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save '' > redis.log 2>&1 &
server=$!
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
  return bytes.replaceAll('\r\n', ' ').trim()
}
const transaction = async (...args) => {
  await ask('MULTI')
  return [(await ask(...args)).split(' ')[0], (await ask('EXEC')).split(' ')[0]].join(' ')
}
const version = /redis_version:(\S+)/.exec(await ask('INFO', 'server'))?.[1]
await ask('SET', 'small', 'v')
for (let i = 0; i < 30; i++) await ask('SET', `large${i}`, 'x'.repeat(100_000))
await ask('CONFIG', 'SET', 'maxmemory', '1mb')
const seen = {
  version,
  set: (await ask('SET', 'other', 'v')).split(' ')[0],
  get: await ask('GET', 'small'),
  getInMulti: await transaction('GET', 'small'),
  delInMulti: await transaction('DEL', 'large0'),
  delInScript: await ask('EVAL', 'return redis.call("DEL", KEYS[1])', '1', 'large1'),
  del: await ask('DEL', 'large0'),
}
console.log(JSON.stringify(seen))
socket.destroy()
const wanted = { set: '-OOM', get: '$1 v', getInMulti: '-OOM -EXECABORT', delInMulti: '-OOM -EXECABORT', delInScript: ':1', del: ':1' }
const same = Object.entries(wanted).every(([name, reply]) => seen[name] === reply)
console.log(same ? 'as described: in a transaction nothing is served' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
