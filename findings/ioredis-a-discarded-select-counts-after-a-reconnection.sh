#!/bin/bash
# ioredis 6.0.0 (5.11.1 and iovalkey 0.4.0 do the same) against Redis 7.0.15: a SELECT that was never executed counts from the
# next reconnection on.
#
# The client notes the database when it sends SELECT, whatever becomes of it. After MULTI, SELECT 3, DISCARD the connection is in
# database 0, and the client works there; when the connection is lost and made anew it is in database 3, without an error, and so
# are all writes from then on. The same when EXEC answers null because a watched key was changed.
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
import { setTimeout as sleep } from 'node:timers/promises'
import Redis from 'ioredis'
const plain = new Redis(Number(process.argv[2]))
const databaseOf = async (redis) => /db=([0-9]+)/.exec(await redis.client('INFO'))[1]
const look = async (select) => {
  const redis = new Redis(Number(process.argv[2]))
  redis.on('error', () => {})
  await select(redis)
  const before = await databaseOf(redis)
  await plain.client('KILL', 'ID', await redis.client('ID'))
  await sleep(500)
  const after = await databaseOf(redis)
  redis.disconnect()
  return { before, after }
}
const seen = {
  client: createRequire(import.meta.url)('ioredis/package.json').version,
  discarded: await look(async (redis) => {
    await redis.multi({ pipeline: false })
    await redis.select(3)
    await redis.discard()
  }),
  aborted: await look(async (redis) => {
    await redis.watch('w')
    await plain.incr('w')
    await redis.multi().select(3).exec()
  }),
  none: await look(async () => {}),
}
console.log(JSON.stringify(seen))
plain.disconnect()
const same = [seen.discarded, seen.aborted, seen.none].map((each) => String(Object.values(each))).join(' ') === '0,3 0,3 0,0'
console.log(same ? 'as described: another database' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
