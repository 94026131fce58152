#!/bin/bash
# Redis 8.0.2 (Debian trixie's redis-server): for commands that write, a hash field past its deadline is still there.
#
# Until the active cycle has removed the field (up to 0.1 s on an idle server, longer on a busy one; here the cycle is off),
# HGET does not see it, but
#     HDEL answers 1, as if it had deleted something,
#     HSET answers 0, as if the field had been there before,
#     HEXPIRE answers 1 and brings the old value back to life with the new deadline.
# A key in the same state is gone for all of them: DEL answers 0 and EXPIRE answers 0.
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
suite trixie redis-server=5:8.0.2-3+deb13u3 redis-server
"$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save '' \
  --enable-debug-command local > redis.log 2>&1 &
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
const version = /redis_version:(\S+)/.exec(await client.ask('INFO', 'server'))?.[1]
await client.ask('DEBUG', 'SET-ACTIVE-EXPIRE', '0')
const field = async (key) => {
  await client.ask('HSET', key, 'f', 'old', 'other', 'x')
  await client.ask('HPEXPIRE', key, '20', 'FIELDS', '1', 'f')
}
for (const key of ['deleted', 'set', 'revived']) await field(key)
await client.ask('SET', 'key', 'old', 'PX', '20')
await client.ask('SET', 'key2', 'old', 'PX', '20')
await sleep(200)
const seen = {
  version,
  hdel: await client.ask('HDEL', 'deleted', 'f'),
  hset: await client.ask('HSET', 'set', 'f', 'new'),
  hexpire: await client.ask('HEXPIRE', 'revived', '100', 'FIELDS', '1', 'f'),
  hget: await client.ask('HGET', 'revived', 'f'),
  del: await client.ask('DEL', 'key'),
  expire: await client.ask('EXPIRE', 'key2', '100'),
}
console.log(JSON.stringify(seen))
client.close()
const { hdel, hset, hexpire, hget, del, expire } = seen
const same = hdel === ':1' && hset === ':0' && hexpire === '*1 :1' && hget === '$3 old' && del === ':0' && expire === ':0'
console.log(same ? 'as described: the field came back' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
