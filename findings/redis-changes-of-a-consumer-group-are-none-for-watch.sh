#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server; the same in 8.0.2, 8.6.3, Valkey 8.1.1 and 9.1.2): what changes a stream's groups
# does not count as a change of the key.
#
# XREADGROUP, XACK, XCLAIM, XGROUP CREATE, SETID and DESTROY, and XSETID are writes: they are replicated, and XPENDING and XINFO,
# which are reads of that key, answer something else afterwards. But EXEC of a client that watches the key executes, and one that
# has asked for XPENDING with CLIENT TRACKING on is told of nothing, so what it keeps stays wrong until somebody adds or deletes
# an entry. A transaction that acts on "pending: 1" acts on an entry that another one has acknowledged. The documentation of WATCH
# and of tracking names no such exception (upstream has talked about it in Redis's pull request 7562; Valkey has merged a change,
# its pull request 3459, which 9.1.2 does not have).
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
const watching = open(port)
const tracking = open(port)
const other = open(port)
const version = /redis_version:(\S+)/.exec(await other.line('INFO', 'server'))?.[1]
await tracking.line('HELLO', '3')
await tracking.line('CLIENT', 'TRACKING', 'ON')
await other.line('XADD', 's', '1-1', 'f', 'v')
await other.line('XADD', 's', '2-1', 'f', 'v')
await other.line('XGROUP', 'CREATE', 's', 'g', '0')
const look = async (...command) => {
  await watching.line('WATCH', 's')
  const before = await tracking.line('XPENDING', 's', 'g')
  tracking.heardSince()
  await other.line(...command)
  await sleep(100)
  const told = tracking.heardSince().includes('invalidate')
  await watching.line('MULTI')
  await watching.line('PING')
  const executed = (await watching.line('EXEC')).startsWith('*1')
  return { executed, told, pending: [before.split(' ')[1], (await other.line('XPENDING', 's', 'g')).split(' ')[1]].join(' then ') }
}
const seen = {
  xreadgroup: await look('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>'),
  xclaim: await look('XCLAIM', 's', 'g', 'd', '0', '1-1'),
  xack: await look('XACK', 's', 'g', '1-1'),
  xgroupSetid: await look('XGROUP', 'SETID', 's', 'g', '0'),
  xgroupCreate: await look('XGROUP', 'CREATE', 's', 'h', '0'),
  xgroupDestroy: await look('XGROUP', 'DESTROY', 's', 'h'),
  xsetid: await look('XSETID', 's', '5-1'),
}
const xdel = await look('XDEL', 's', '1-1')
console.log(JSON.stringify({ version, ...seen, xdel }))
for (const each of [watching, tracking, other]) each.close()
const same =
  Object.values(seen).every((each) => each.executed && !each.told) &&
  seen.xreadgroup.pending === ':0 then :2' &&
  seen.xack.pending === ':2 then :1' &&
  !xdel.executed &&
  xdel.told
console.log(same ? 'as described: nobody is told' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
