#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server): SORT's patterns are not binary safe, where keys are.
#
# The star of BY and GET is looked for as in a C string, so behind a NUL it is not seen. SORT l BY w\0* is then taken for a pattern
# without a star, which means "do not sort": the list comes back in its own order, without an error. SORT l GET w\0* gives nil for
# each, as if those keys were not there. The same keys without the NUL sort.
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
const { line, close } = open(process.argv[2])
const version = /redis_version:(\S+)/.exec(await line('INFO', 'server'))?.[1]
await line('RPUSH', 'l', 'x', 'y', 'z')
for (const [name, weight] of [['x', '3'], ['y', '2'], ['z', '1']]) {
  await line('SET', `w\0${name}`, weight)
  await line('SET', `w:${name}`, weight)
}
const sort = async (...args) => (await line('SORT', 'l', ...args)).replace(/^\*3 /, '').replaceAll('$1 ', '')
const seen = [await sort('BY', 'w:*'), await sort('BY', 'w\0*'), await sort('BY', 'nosort', 'GET', 'w:*'), await sort('BY', 'nosort', 'GET', 'w\0*')]
console.log(JSON.stringify({ version, seen }))
close()
const same = String(seen) === 'z y x,x y z,3 2 1,$-1 $-1 $-1'
console.log(same ? 'as described: not sorted, and no error' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
