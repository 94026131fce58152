#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server): CONFIG REWRITE loses the "n" of notify-keyspace-events.
#
# "n" (events of new keys) does not belong to the alias "A". With AKEn set, the server tells of new keys, but CONFIG GET shows "AKE",
# and that is what CONFIG REWRITE writes: after the next restart the events of new keys are gone, without a word.
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
echo "port $port
bind 127.0.0.1
save ''" > redis.conf
serve() {
  "$loader" --argv0 redis-server --library-path "$libraries" "$binary" redis.conf > redis.log 2>&1 &
  for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
}
cat > look.mjs <<'JS'
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
    await sleep(50)
    return bytes
  }
  return { ask, send, encode, line: async (...args) => (await ask(...args)).replaceAll('\r\n', ' ').trim(), close: () => socket.destroy(), get bytes() { return bytes } }
}
const [, , port, step] = process.argv
const [client, listening] = [open(port), open(port)]
const version = /redis_version:(\S+)/.exec(await client.line('INFO', 'server'))?.[1]
await listening.line('SUBSCRIBE', '__keyevent@0__:new')
const setting = async () => (await client.line('CONFIG', 'GET', 'notify-keyspace-events')).split(' ').at(-1)
const newKeys = async () => {
  await client.line('SET', `key${step}${Math.random()}`, 'v')
  return listening.bytes.includes('message')
}
if (step === 'before') await client.line('CONFIG', 'SET', 'notify-keyspace-events', 'AKEn')
const seen = { step, version, setting: await setting(), toldOfNewKeys: await newKeys() }
if (step === 'before') {
  await client.line('CONFIG', 'REWRITE')
  client.send(client.encode(['SHUTDOWN', 'NOSAVE']))
  await sleep(500)
}
console.log(JSON.stringify(seen))
for (const { close } of [client, listening]) close()
const same = seen.setting === 'AKE' && seen.toldOfNewKeys === (step === 'before')
console.log(same ? `${step} the restart: as described` : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
serve
node look.mjs $port before
serve
node look.mjs $port after
