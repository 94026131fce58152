#!/bin/bash
# Redis 8.0.2 (Debian trixie) and Redis 8.0.6 (Debian sid): both write DUMP payloads of version 12, and the older one refuses vector sets
# of the newer one.
#
# The version in the last ten bytes of a payload says what a server must understand to RESTORE it; strings, lists, hashes, sets, sorted
# sets and streams go both ways between the two. A vector set (module vectorset, built in) of 8.0.6 is answered "-ERR Bad data format" by
# 8.0.2, one of 8.0.2 is taken by 8.0.6. So a comparison of the payloads' versions does not tell whether MIGRATE or a copy will work.
#
# Needs apt-get (with access to trixie and sid) and node; exits with 0 when it is as described.
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
serve() { # serve FOLDER SUITE VERSION PORT
  mkdir "$top/$1"; cd "$top/$1"; dir=$top/$1
  suite "$2" "redis-server=$3" redis-server
  "$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port "$4" --bind 127.0.0.1 --save '' > redis.log 2>&1 &
  cd "$top"
}
serve older trixie 5:8.0.2-3+deb13u3 $port
serve newer sid 5:8.0.6-3 $((port + 1))
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
const servers = process.argv.slice(2).map(open)
const payloadOf = (bulk) => bulk.slice(bulk.indexOf('\r\n') + 2, -2)
const versions = []
const footers = []
const payloads = []
for (const { line, ask } of servers) {
  versions.push(/redis_version:(\S+)/.exec(await line('INFO', 'server'))?.[1])
  await line('VADD', 'v', 'VALUES', '3', '1', '2', '3', 'element')
  await line('ZADD', 'z', '1', 'a', '2', 'b')
  const [vectors, zset] = [payloadOf(await ask('DUMP', 'v')), payloadOf(await ask('DUMP', 'z'))]
  payloads.push({ vectors, zset })
  footers.push(vectors.charCodeAt(vectors.length - 10) + 256 * vectors.charCodeAt(vectors.length - 9))
}
const [older, newer] = servers
const seen = {
  versions,
  footers,
  zsetOfNewerOnOlder: await older.line('RESTORE', 'z2', '0', payloads[1].zset),
  vectorsOfNewerOnOlder: await older.line('RESTORE', 'v2', '0', payloads[1].vectors),
  vectorsOfOlderOnNewer: await newer.line('RESTORE', 'v2', '0', payloads[0].vectors),
}
console.log(JSON.stringify(seen))
for (const { close } of servers) close()
const same =
  String(footers) === '12,12' &&
  seen.zsetOfNewerOnOlder === '+OK' &&
  seen.vectorsOfNewerOnOlder === '-ERR Bad data format' &&
  seen.vectorsOfOlderOnNewer === '+OK'
console.log(same ? 'as described: one number, two formats' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for each in $port $((port + 1)); do
  for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$each) 2>/dev/null && break; done
done
node look.mjs $port $((port + 1))
