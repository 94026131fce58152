#!/bin/bash
# node-redis 5.12.1 (npm's redis) against Redis 7.0.15: its client-side cache gives values of another database.
#
# What is cached is found again by the words of the command alone. So after GET k in database 0 and SELECT 1 the same client's GET k is
# answered from the cache, with the value of database 0, until the key is invalidated; database 1 is not asked. (The server cannot
# help: its invalidations name no database either.)
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
const plain = await createClient({ url }).connect()
await plain.set('k', 'of database 0')
await plain.select(1)
await plain.set('k', 'of database 1')
const caching = await createClient({ url, RESP: 3, clientSideCache: { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' } }).connect()
const first = await caching.get('k')
await caching.select(1)
const second = await caching.get('k')
const really = await plain.get('k')
console.log(JSON.stringify({ client: createRequire(import.meta.url)('redis/package.json').version, first, second, really }))
caching.destroy()
plain.destroy()
const same = first === 'of database 0' && second === 'of database 0' && really === 'of database 1'
console.log(same ? 'as described: the value of the other database' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
