#!/bin/bash
# ioredis 6.0.0 (5.11.1 and iovalkey 0.4.0 do the same) against Redis 7.0.15: a WATCH is lost with its connection, and EXEC
# executes all the same.
#
# The client makes a lost connection anew by itself. What was watched on the old one is not watched on the new one, and nothing
# tells the program: here it watches a key and reads it, the connection is cut, another client changes the key, and MULTI … EXEC
# overwrites that with what came of the old value, where null is expected (or an error, as of node-redis 5.12.1: "Client
# reconnected after WATCH"). Without the cut EXEC answers null. Upstream was told of it (issue 1686, closed without a change).
#
# Needs apt-get (with access to bookworm), node and npm; exits with 0 when it is as described.
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
npm init -y > /dev/null; npm install --silent --no-audit --no-fund ioredis@6.0.0 redis@5.12.1 > npm.log 2>&1
cat > look.mjs <<'JS'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import Redis from 'ioredis'
import { createClient } from 'redis'
const port = Number(process.argv[2])
const plain = new Redis(port)
const told = (promise) => promise.then((reply) => JSON.stringify(reply), (error) => error.message)
const look = async (redis, id, transaction, cut) => {
  await plain.set('k', 'a')
  await redis.watch('k')
  const value = await redis.get('k')
  if (cut) {
    await plain.client('KILL', 'ID', await id())
    await sleep(500)
  }
  await plain.set('k', 'of another')
  return { exec: await told(transaction(`${value}b`)), value: await plain.get('k') }
}
const ioredis = new Redis(port)
ioredis.on('error', () => {})
const nodeRedis = await createClient({ url: `redis://127.0.0.1:${port}` }).on('error', () => {}).connect()
const load = createRequire(import.meta.url)
const withIoredis = (cut) => look(ioredis, () => ioredis.client('ID'), (value) => ioredis.multi().set('k', value).exec(), cut)
const seen = {
  clients: [load('ioredis/package.json').version, load('redis/package.json').version],
  withoutTheCut: await withIoredis(false),
  ioredis: await withIoredis(true),
  nodeRedis: await look(nodeRedis, () => nodeRedis.clientId(), (value) => nodeRedis.multi().set('k', value).exec(), true),
}
console.log(JSON.stringify(seen))
for (const redis of [plain, ioredis]) redis.disconnect()
nodeRedis.destroy()
const same =
  seen.withoutTheCut.exec === 'null' &&
  seen.withoutTheCut.value === 'of another' &&
  seen.ioredis.exec === '[[null,"OK"]]' &&
  seen.ioredis.value === 'ab' &&
  seen.nodeRedis.value === 'of another'
console.log(same ? 'as described: executed, though the key was changed' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
