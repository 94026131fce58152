#!/bin/bash
# node-redis 5.12.1 (npm's redis) against Redis 7.0.15: with its client-side cache a GET overtakes the SET that the same client sent
# before it.
#
# Commands of one client are pipelined in the order in which they are called; so get() right behind set(), both not awaited, gives the new
# value. With clientSideCache a key that is cached is answered at once, from before the SET: old value, in the same program.
# Only what is called after set() was answered (and the invalidation heard) sees the new one.
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
npm init -y > /dev/null; npm install --silent --no-audit --no-fund redis@5.12.1 > npm.log 2>&1
cat > look.mjs <<'JS'
import { createRequire } from 'node:module'
import { createClient } from 'redis'
const url = `redis://127.0.0.1:${process.argv[2]}`
const behindSet = async (client) => {
  await client.set('k', 'old')
  await client.get('k')
  const [, value] = await Promise.all([client.set('k', 'new'), client.get('k')])
  client.destroy()
  return value
}
const plain = await behindSet(await createClient({ url, RESP: 3 }).connect())
const clientSideCache = { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' }
const caching = await behindSet(await createClient({ url, RESP: 3, clientSideCache }).connect())
console.log(JSON.stringify({ client: createRequire(import.meta.url)('redis/package.json').version, plain, caching }))
const same = plain === 'new' && caching === 'old'
console.log(same ? 'as described: the cache answers from before the SET' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
