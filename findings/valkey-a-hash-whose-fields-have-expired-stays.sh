#!/bin/bash
# Valkey 9.1.2 (Debian sid's valkey-server): a hash of which all fields have expired can stay, and no read makes it go.
#
# Until the active cycle has come by (here it is off; with many such keys it takes seconds) the key is there for whoever asks about
# keys and empty for whoever asks about fields: EXISTS 1, TYPE hash, HLEN 2, DBSIZE 1, SET … NX answers nil, and HGETALL gives nothing.
# Reading it changes nothing. (A key past its own deadline is gone for all of them.) RESTORE of its payload, after the deadline,
# answers OK and makes such a key.
#
# Needs apt-get (with access to sid) and node; exits with 0 when it is as described.
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
suite sid valkey-server=9.1.2-1 valkey-server
"$loader" --argv0 valkey-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save '' \
  --enable-debug-command local > valkey.log 2>&1 &
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
const { ask, line, close } = open(process.argv[2])
const version = /valkey_version:(\S+)/.exec(await line('INFO', 'server'))?.[1]
await line('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
await line('HSET', 'h', 'a', '1', 'b', '2')
await line('HPEXPIRE', 'h', '400', 'FIELDS', '2', 'a', 'b')
const dump = await ask('DUMP', 'h')
await sleep(600)
const look = async (key) => [
  await line('HGETALL', key),
  await line('EXISTS', key),
  await line('TYPE', key),
  await line('HLEN', key),
  await line('SET', key, 'x', 'NX'),
]
const seen = { version, first: await look('h'), dbsize: await line('DBSIZE') }
await line('HMGET', 'h', 'a', 'b')
seen.afterReading = await look('h')
seen.restore = await line('RESTORE', 'h2', '0', dump.slice(dump.indexOf('\r\n') + 2, -2))
seen.restored = await look('h2')
console.log(JSON.stringify(seen))
close()
const wanted = '*0,:1,+hash,:2,$-1'
const same = [seen.first, seen.afterReading, seen.restored].every((each) => String(each) === wanted) && seen.dbsize === ':1'
console.log(same ? 'as described: a key without fields' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
