#!/bin/bash
# etcd 3.4.23, one node: a lease of 5 s whose client renews it every second ends when the server stands still for 8 s (a paused
# machine, SIGSTOP), and lives on when the server is killed and is away for as long.
#
# A server that starts becomes the leader anew, and gives every lease its whole time again: all that clients have to do is to find it.
# One that was paused is the leader still. Its clock has gone on, so when it wakes it ends the leases before it reads the renewals
# that wait in its sockets. So "while etcd is away nobody loses what he holds" is true of a crash and not of a pause.
#
# Needs apt-get (with access to bookworm), curl and node; exits with 0 when it is as described.
set -eu
top=$(mktemp -d); dir=$top; port=$((20000 + RANDOM % 10000))
trap 'kill -CONT $(jobs -p) 2>/dev/null || true; kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$top"' EXIT
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
suite bookworm etcd-server=3.4.23-4+b4 etcd
start() {
  "$loader" --library-path "$libraries" "$binary" --data-dir "$dir/data" --listen-client-urls "http://127.0.0.1:$port" \
    --advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$((port + 1))" \
    --log-level error >> etcd.log 2>&1 &
  etcd=$!
}
cat > look.mjs <<'JS'
import { setTimeout as sleep } from 'node:timers/promises'
const [port, way] = process.argv.slice(2)
const ask = async (path, body) => {
  const reply = await fetch(`http://127.0.0.1:${port}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) })
  return reply.json()
}
const patiently = async (...request) => {
  for (;;) {
    const reply = await ask(...request).catch(() => undefined)
    if (reply !== undefined && reply.error === undefined) return reply
    await sleep(100)
  }
}
const text = (word) => Buffer.from(word).toString('base64')
const { ID } = await patiently('lease/grant', { TTL: 5 })
await patiently('kv/put', { key: text(way), value: text('held'), lease: ID })
const renewing = setInterval(() => void ask('lease/keepalive', { ID }).catch(() => {}), 1000)
await sleep(3000)
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
await sleep(3000)
const { kvs = [] } = await patiently('kv/range', { key: text(way) })
clearInterval(renewing)
console.log(`${way}: ${kvs.length === 1 ? 'held' : 'gone'}`)
process.exit()
JS
start
for way in paused killed; do
  mkfifo "$way.in"
  node look.mjs $port $way < "$way.in" > "$way.out" &
  exec 7> "$way.in"
  until grep -q ready "$way.out"; do sleep 0.1; done
  if [ $way = paused ]; then kill -STOP $etcd; sleep 8; kill -CONT $etcd; else kill -9 $etcd; sleep 8; start; fi
  echo over >&7
  until grep -q : "$way.out"; do sleep 0.1; done
  exec 7>&-
done
"$loader" --library-path "$libraries" "$binary" --version | head -1
seen=$(tail -qn 1 paused.out killed.out | tr '\n' ' ')
echo "$seen"
# Seen:
#   etcd Version: 3.4.23
#   paused: gone killed: held
[ "$seen" = 'paused: gone killed: held ' ]
