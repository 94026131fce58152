#!/bin/bash
# Valkey 8.1.1 (Debian trixie's valkey-server): a MULTI or a WATCH between MULTI and EXEC throws the transaction away.
#
# Redis (7.0.15 to 8.6.3) answers "-ERR MULTI calls can not be nested" or "-ERR WATCH inside MULTI is not allowed" and goes on:
# EXEC executes what was queued. Valkey answers "-ERR Command not allowed inside a transaction", and EXEC answers -EXECABORT: nothing is
# executed. An application that lets such an error pass works on the one and loses its writes on the other.
#
# Needs apt-get (with access to bookworm and trixie) and node; exits with 0 when it is as described.
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
const [, , ...ports] = process.argv
const seen = []
for (const port of ports) {
  const { line, close } = open(port)
  const info = await line('INFO', 'server')
  const server = /valkey_version:(\S+)/.exec(info)?.[0] ?? /redis_version:(\S+)/.exec(info)?.[0]
  const replies = []
  for (const nested of [['MULTI'], ['WATCH', 'k']]) {
    for (const command of [['MULTI'], ['SET', 'k', 'v'], nested]) replies.push((await line(...command)))
    replies.push((await line('EXEC')).split(' ')[0])
  }
  seen.push([server, replies[2], replies[3], replies[6], replies[7]])
  close()
}
for (const each of seen) console.log(JSON.stringify(each))
const [redis, valkey] = seen
const same = redis[2] === '*1' && redis[4] === '*1' && valkey[2] === '-EXECABORT' && valkey[4] === '-EXECABORT'
console.log(same ? 'as described: one executes, the other one does not' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
suite bookworm redis-server=5:7.0.15-1~deb12u7 redis-server
"$loader" --argv0 redis-server --library-path "$libraries" "$binary" --port $port --bind 127.0.0.1 --save '' > redis.log 2>&1 &
mkdir valkey; cd valkey; dir=$dir/valkey
suite trixie valkey-server=8.1.1+dfsg1-3+deb13u3 valkey-server
"$loader" --argv0 valkey-server --library-path "$libraries" "$binary" --port $((port + 1)) --bind 127.0.0.1 --save '' > valkey.log 2>&1 &
cd ..
for each in $port $((port + 1)); do
  for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$each) 2>/dev/null && break; done
done
node look.mjs $port $((port + 1))
