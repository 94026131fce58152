#!/bin/bash
# @keyv/redis 5.1.6 (with keyv 5.6.0) against Redis 7.0.15: clear() takes a namespace for a pattern of SCAN.
#
# get, set and delete use a namespace as it is written. clear() puts it into the MATCH of SCAN without a backslash before *, ?, [
# and \, so with the namespace "tenant[1]" it leaves what it should delete, answers without an error, and deletes what is in
# "tenant1"; "what?" takes "whats" along. Separators are not looked at either: clear() of "app" deletes what is in "app::eu". The
# README says that it clears "all keys in the namespace", and of no character that a namespace may not have. (@keyv/valkey had the
# like, and has been mended upstream.)
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
npm init -y > /dev/null; npm install --silent --no-audit --no-fund @keyv/redis@5.1.6 keyv@5.6.0 > npm.log 2>&1
cat > look.mjs <<'JS'
import { readFileSync } from 'node:fs'
import KeyvRedis from '@keyv/redis'
import Keyv from 'keyv'
const versionOf = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version
const uri = `redis://127.0.0.1:${process.argv[2]}`
const seen = { versions: [versionOf('@keyv/redis'), versionOf('keyv')] }
for (const [cleared, other] of [['tenant[1]', 'tenant1'], ['what?', 'whats'], ['app', 'app::eu'], ['plain', 'plainer']]) {
  const one = new Keyv({ store: new KeyvRedis(uri), namespace: cleared })
  const two = new Keyv({ store: new KeyvRedis(uri), namespace: other })
  await one.set('k', 'its own')
  await two.set('k', 'of the other')
  await one.clear()
  seen[`clear() of ${cleared}`] = { [cleared]: (await one.get('k')) ?? 'gone', [other]: (await two.get('k')) ?? 'gone' }
  await one.disconnect()
  await two.disconnect()
}
console.log(JSON.stringify(seen))
const [, brackets, mark, separators, plain] = Object.values(seen).map((each) => String(Object.values(each)))
const same = brackets === 'its own,gone' && mark === 'gone,gone' && separators === 'gone,gone' && plain === 'gone,of the other'
console.log(same ? 'as described: other namespaces are cleared' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
