#!/bin/bash
# twemproxy 0.5.0 (Debian bookworm's nutcracker): a command that it does not know takes the replies of the commands before it along.
#
# It closes the connection without a word when it meets a command that it does not serve (PING with an argument, SELECT, ECHO, INFO …).
# When that stands behind others in one pipeline, their replies are not sent either, but the writes have been executed: here
# INCR, INCR, ECHO gives no byte and the counter stands at 2. A client that tries again after the lost connection counts twice. (Before
# QUIT, which is closed without +OK, too, all replies come.)
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
mkdir proxy; cd proxy; dir=$top/proxy
suite bookworm nutcracker=0.5.0+dfsg-2 nutcracker
binary=$dir/root/usr/sbin/nutcracker
cat > nutcracker.yml <<CONF
alpha:
  listen: 127.0.0.1:$((port + 1))
  hash: fnv1a_64
  distribution: ketama
  redis: true
  servers:
    - 127.0.0.1:$port:1
CONF
"$loader" --argv0 nutcracker --library-path "$libraries" "$binary" -c nutcracker.yml -s $((port + 2)) > proxy.log 2>&1 &
cd ..
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
const [, , server, proxy] = process.argv
const pipeline = async (...commands) => {
  const client = open(proxy)
  client.send(commands.map(client.encode).join(''))
  await sleep(500)
  const { bytes } = client
  client.close()
  return bytes.replaceAll('\r\n', ' ').trim()
}
const direct = open(server)
const alone = await pipeline(['INCR', 'a'], ['INCR', 'a'])
const withEcho = await pipeline(['INCR', 'b'], ['INCR', 'b'], ['ECHO', 'x'])
const withQuit = await pipeline(['INCR', 'c'], ['INCR', 'c'], ['QUIT'])
const counters = []
for (const key of ['a', 'b', 'c']) counters.push((await direct.line('GET', key)).split(' ')[1])
direct.close()
console.log(JSON.stringify({ alone, withEcho, withQuit, counters }))
const same = alone === ':1 :2' && withEcho === '' && withQuit === ':1 :2' && String(counters) === '2,2,2'
console.log(same ? 'as described: executed, and not answered' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for each in $port $((port + 1)); do
  for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$each) 2>/dev/null && break; done
done
node look.mjs $port $((port + 1))
