#!/bin/bash
# ioredis 6.0.0 (5.11.1 and iovalkey 0.4.0 do the same) against Redis 7.0.15: with enableAutoPipelining some commands overtake
# what was called before them, so a SET is executed in another database.
#
# Without the option commands leave in the order in which they are called. With it, most wait for the end of the turn, and those
# that cannot be in such a pipeline (SELECT, MULTI, CLIENT, SCRIPT, INFO, …) leave at once: set('k', …) and then select(2), both
# called in one turn, answer OK and put k into database 2; a transaction that reads what was set just before does not see it. The
# README says that no other change of the code is necessary, and nothing of the order.
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
npm init -y > /dev/null; npm install --silent --no-audit --no-fund ioredis@6.0.0 > npm.log 2>&1
cat > look.mjs <<'JS'
import { createRequire } from 'node:module'
import Redis from 'ioredis'
const look = async (enableAutoPipelining) => {
  const redis = new Redis(Number(process.argv[2]), { enableAutoPipelining })
  const plain = new Redis(Number(process.argv[2]))
  await plain.flushall()
  await redis.ping()
  const [set, select] = await Promise.all([redis.set('k', 'v'), redis.select(2)])
  const places = [await plain.get('k')]
  await plain.select(2)
  places.push(await plain.get('k'))
  const [, transaction] = await Promise.all([redis.set('m', 'new'), redis.multi().get('m').exec()])
  redis.disconnect()
  plain.disconnect()
  return { set, select, inDatabase0: places[0], inDatabase2: places[1], readByTheTransaction: transaction[0][1] }
}
const seen = { client: createRequire(import.meta.url)('ioredis/package.json').version, without: await look(false), with: await look(true) }
console.log(JSON.stringify(seen))
const same = String(Object.values(seen.without)) === 'OK,OK,v,,new' && String(Object.values(seen.with)) === 'OK,OK,,v,'
console.log(same ? 'as described: another order' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
