#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server; 8.0.2 does the same): OBJECT IDLETIME of a key whose value is a small number is
# that of whoever has the same number.
#
# Without maxmemory the numbers from 0 to 9999 are stored once, with the time of their last use, for all keys that have them. So a
# key that is written now has an idle time of seconds (how long nobody has used its number: in the beginning, how long the server
# runs), and one that nobody has touched has 0 as soon as another key of that value is read. A number from 10000 on, and a text,
# have their own. Who looks for forgotten keys by OBJECT IDLETIME misses some counters and flags, and finds fresh ones among the
# old. (Redis 8.6.3, Valkey 8.1.1 and 9.1.2 do not share them.)
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
"$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save '' > redis.log 2>&1 &
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
  const line = async (...args) => (await ask(...args)).replaceAll('\r\n', ' ').trim()
  const heardSince = () => { const text = bytes; bytes = ''; return text.replaceAll('\r\n', ' ').trim() }
  return { ask, line, heardSince, close: () => socket.destroy() }
}

const [, , port] = process.argv
const { line, close } = open(port)
const version = /redis_version:(\S+)/.exec(await line('INFO', 'server'))?.[1]
const idle = async (key) => Number((await line('OBJECT', 'IDLETIME', key)).slice(1))
const look = async (value) => {
  await line('SET', 'k', value)
  const fresh = await idle('k')
  await line('SET', 'other', value)
  await sleep(3000)
  await line('GET', 'other')
  return { fresh, afterThreeSeconds: await idle('k') }
}
await sleep(3000)
const seen = { version, small: await look('7'), large: await look('10007'), text: await look('seven') }
console.log(JSON.stringify(seen))
close()
const own = (each) => each.fresh <= 1 && each.afterThreeSeconds >= 2
const same = seen.small.fresh >= 2 && seen.small.afterThreeSeconds <= 1 && own(seen.large) && own(seen.text)
console.log(same ? 'as described: the idle time of another key' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
