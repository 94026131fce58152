#!/bin/bash
# ioredis 5.11.1 against Redis 7.0.15: keyPrefix is left out where the key stands behind a subcommand, so a consumer group is made on
# another key than it is read from.
#
# With keyPrefix "app:" the client writes app:s for XADD, XREADGROUP, SORT … BY patterns, and even for EVAL's keys. XGROUP CREATE s,
# XINFO STREAM s, OBJECT ENCODING k and MEMORY USAGE k go out without it: XGROUP CREATE … MKSTREAM answers OK, having made
# the stream "s", and XREADGROUP says -NOGROUP of app:s. OBJECT ENCODING tells of another application's k.
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
npm init -y > /dev/null; npm install --silent --no-audit --no-fund ioredis@5.11.1 > npm.log 2>&1
cat > look.mjs <<'JS'
import { createRequire } from 'node:module'
import Redis from 'ioredis'
const redis = new Redis(Number(process.argv[2]), { keyPrefix: 'app:' })
const plain = new Redis(Number(process.argv[2]))
const told = (promise) => promise.then((reply) => (Array.isArray(reply) ? 'there' : reply), (error) => error.message)
await redis.set('k', 'value')
const seen = {
  client: createRequire(import.meta.url)('ioredis/package.json').version,
  group: await told(redis.xgroup('CREATE', 's', 'g', '$', 'MKSTREAM')),
  added: (await redis.xadd('s', '1-1', 'f', 'v')),
  keys: (await plain.keys('*')).sort(),
  read: await told(redis.xreadgroup('GROUP', 'g', 'c', 'STREAMS', 's', '>')),
  encoding: await told(redis.object('ENCODING', 'k')),
  usage: await told(redis.memory('USAGE', 'k')),
}
await plain.set('k', '12345')
seen.encodingOfTheOther = await told(redis.object('ENCODING', 'k'))
console.log(JSON.stringify(seen))
redis.disconnect()
plain.disconnect()
const same =
  seen.group === 'OK' &&
  String(seen.keys) === 'app:k,app:s,s' &&
  seen.read.startsWith('NOGROUP') &&
  seen.encoding === null &&
  seen.usage === null &&
  seen.encodingOfTheOther === 'int'
console.log(same ? 'as described: no prefix there' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
