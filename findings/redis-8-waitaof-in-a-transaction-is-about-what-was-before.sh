#!/bin/bash
# Redis 8.0.2 (Debian trixie's redis-server; Valkey 8.1.1 does the same): WAITAOF between MULTI and EXEC says that what the
# transaction has written is on the disk when it is not.
#
# Its documentation says that in a transaction it does not block, and tells how many have confirmed the previous writes. With an
# append-only file that is never synced here (appendfsync no), MULTI, SET, WAITAOF 1 0 0, EXEC on a connection that has written
# nothing before answers 1; the same WAITAOF right behind EXEC answers 0. Where the connection has an earlier write that is not on
# the disk either, it answers 0 inside as well: inside it is about what was written before MULTI, so a 1 says nothing of the write
# that stands before it.
#
# Needs apt-get (with access to trixie) and node; exits with 0 when it is as described.
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
suite trixie redis-server=5:8.0.2-3+deb13u3 redis-server
"$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save '' \
  --dir "$top" --appendonly yes --appendfsync no > redis.log 2>&1 &
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
const look = async (writesBefore) => {
  const { line, close } = open(port)
  if (writesBefore) await line('SET', 'before', '1')
  await line('MULTI')
  await line('SET', 'k', 'v')
  await line('WAITAOF', '1', '0', '0')
  const inside = (await line('EXEC')).replace('*2 +OK ', '')
  const behind = await line('WAITAOF', '1', '0', '200')
  close()
  return { inside, behind }
}
const first = open(port)
const version = /redis_version:(\S+)/.exec(await first.line('INFO', 'server'))?.[1]
first.close()
const seen = { version, fresh: await look(false), withAWriteBefore: await look(true) }
console.log(JSON.stringify(seen))
const none = '*2 :0 :0'
const same =
  seen.fresh.inside === '*2 :1 :0' && seen.fresh.behind === none && seen.withAWriteBefore.inside === none && seen.withAWriteBefore.behind === none
console.log(same ? 'as described: 1 for what is not on the disk' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
