#!/bin/bash
# Redis 8.0.2 (Debian trixie's redis-server): COMMAND names its vector set commands in capitals, and says of them that any number of
# arguments will do.
#
# All other commands stand there in small letters, with the arity that the server checks. VADD stands as "VADD", for COMMAND, COMMAND
# INFO vadd and COMMAND LIST, with arity -1 (any): a client or proxy that keeps the table by the names that it got does not find "vadd",
# and one that checks the arity lets a bare VADD pass, which the server then refuses.
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
  return { ask, send, encode, line: async (...args) => (await ask(...args)).replaceAll('\r\n', ' ').trim(), close: () => socket.destroy(), get bytes() { return bytes } }
}
const { line, close } = open(process.argv[2])
const version = /redis_version:(\S+)/.exec(await line('INFO', 'server'))?.[1]
const names = (await line('COMMAND', 'LIST')).split(' ').filter((word) => /^[a-z|-]{2,}$/i.test(word))
const capitals = names.filter((name) => name !== name.toLowerCase()).sort()
const entry = (await line('COMMAND', 'INFO', 'vadd')).split(' ').slice(1, 5)
const bare = await line('VADD')
console.log(JSON.stringify({ version, commands: names.length, capitals: capitals.length, entry, bare }))
close()
const same = capitals.length === 12 && capitals.every((name) => name.startsWith('V')) && entry[2] === 'VADD' && entry[3] === ':-1' && bare.startsWith('-ERR wrong number')
console.log(same ? 'as described: twelve in capitals' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
