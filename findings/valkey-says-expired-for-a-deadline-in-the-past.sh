#!/bin/bash
# Valkey 8.1.1 (Debian trixie's valkey-server): a command that gives a deadline in the past publishes `expired`.
#
# EXPIRE k -1, PEXPIREAT k 1 and GETEX k PXAT 1 delete the key at once. Redis 7.0 (and 8.x) publishes `del` for that: `expired`
# means there that a deadline has passed. Valkey 8.1 and 9.1 publish `expired`, so whoever listens to it to learn what went by
# time (session ends, delayed jobs) hears of deletions that somebody asked for. SET k v PXAT 1 publishes `expired` alone, and no
# `set` (Redis 7.0 publishes `set`, and `expired` when the key is looked at).
#
# Needs apt-get (with access to trixie) and node; exits with 0 when it is as described.
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
suite trixie valkey-server=8.1.1+dfsg1-3+deb13u3 valkey-server
"$loader" --argv0 valkey-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save '' \
  > valkey.log 2>&1 &
server=$!
cat > look.mjs <<'JS'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
const open = () => {
  const socket = connect(Number(process.argv[2]), '127.0.0.1')
  const client = { bytes: '', close: () => socket.destroy() }
  socket.on('data', (chunk) => { client.bytes += chunk })
  client.ask = async (...args) => {
    client.bytes = ''
    socket.write(`*${args.length}\r\n` + args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join(''))
    await sleep(100)
    return client.bytes.replaceAll('\r\n', ' ').trim()
  }
  return client
}
const client = open()
const listener = open()
const version = /valkey_version:(\S+)/.exec(await client.ask('INFO', 'server'))?.[1]
await client.ask('CONFIG', 'SET', 'notify-keyspace-events', 'EA')
await listener.ask('PSUBSCRIBE', '__keyevent@0__:*')
const events = async (...command) => {
  await client.ask('SET', 'k', 'v')
  listener.bytes = ''
  await client.ask(...command)
  await sleep(100)
  return [...listener.bytes.matchAll(/__keyevent@0__:([a-z]+)\r\n/g)].map(([, event]) => event).join(' ')
}
const seen = {
  version,
  expire: await events('EXPIRE', 'k', '-1'),
  pexpireat: await events('PEXPIREAT', 'k', '1'),
  getex: await events('GETEX', 'k', 'PXAT', '1'),
  set: await events('SET', 'k', 'v', 'PXAT', '1'),
}
console.log(JSON.stringify(seen))
client.close()
listener.close()
const same = seen.expire === 'expired' && seen.pexpireat === 'expired' && seen.getex === 'expired' && seen.set === 'expired'
console.log(same ? 'as described: a deletion is called an expiry' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
