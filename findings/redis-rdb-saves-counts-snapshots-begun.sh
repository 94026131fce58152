#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server): INFO's rdb_saves counts a snapshot when it begins, not when it is there.
#
# Its documentation calls it the number of snapshots performed. Right after BGSAVE it has grown while rdb_bgsave_in_progress is 1 and LASTSAVE is
# the old one, and a snapshot that does not come about (its child is ended meanwhile) stays counted. Who waits for a snapshot has to look at
# rdb_bgsave_in_progress and LASTSAVE.
#
# Needs apt-get (with access to bookworm) and node; exits with 0 when it is as described.
set -eu
top=$(mktemp -d); dir=$top; port=$((20000 + RANDOM % 10000))
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$top"' EXIT
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
"$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save "" > redis.log 2>&1 &
server=$!
cat > look.mjs <<'JS'
import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:net'
const open = (port) => {
  const socket = connect(Number(port), '127.0.0.1')
  let bytes = ''
  let heard = () => {}
  socket.on('data', (chunk) => { bytes += chunk.toString('latin1'); heard() })
  socket.on('error', () => {})
  const send = (text) => socket.write(text, 'latin1')
  const encode = (args) => `*${args.length}\r\n` + args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')
  const ask = async (...args) => { // one reply, all of it when it comes with one read
    bytes = ''
    const reply = new Promise((resolve) => { heard = resolve })
    send(encode(args))
    await reply
    await sleep(20)
    return bytes
  }
  return { ask, send, encode, line: async (...args) => (await ask(...args)).replaceAll('\r\n', ' ').trim(), close: () => socket.destroy(), get bytes() { return bytes } }
}
const client = open(process.argv[2])
const info = async () => {
  const text = await client.ask('INFO', 'everything')
  const field = (name) => Number(new RegExp(`${name}:(-?\\d+)`).exec(text)?.[1])
  const bad = /rdb_last_bgsave_status:err/.test(text)
  return { saves: field('rdb_saves'), running: field('rdb_bgsave_in_progress'), bad }
}
const version = /redis_version:(\S+)/.exec(await client.line('INFO', 'server'))?.[1]
await client.line('CONFIG', 'SET', 'rdb-key-save-delay', '10000')
for (let i = 0; i < 500; i++) await client.line('SET', `key:${i}`, 'x')
const [before, savedBefore] = [await info(), await client.line('LASTSAVE')]
await client.line('BGSAVE')
const [under, savedUnder] = [await info(), await client.line('LASTSAVE')]
execFileSync('pkill', ['-USR1', '-P', process.argv[3]]) // what Redis itself ends such a child with
let after = await info()
for (let i = 0; i < 50 && after.running === 1; i++) {
  await sleep(100)
  after = await info()
}
const savedAfter = await client.line('LASTSAVE')
console.log(JSON.stringify({ version, before, under, after, savedBefore, savedUnder, savedAfter }))
client.close()
const same = under.saves === before.saves + 1 && under.running === 1 && savedUnder === savedBefore &&
  after.running === 0 && after.saves === under.saves && savedAfter === savedBefore
console.log(same ? 'as described: a snapshot that never was is counted' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port $server
