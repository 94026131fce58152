#!/bin/bash
# Redis 7.0.15 (Debian bookworm's redis-server; the same in 8.6.3 and Valkey 9.1.2): where SORT is denied for its patterns, ACL
# DRYRUN, ACL LOG and the error's code know nothing of it.
#
# A user who may not read all keys is refused SORT … BY w* and SORT … GET w*. But ACL DRYRUN answers OK for it; the refusal is
# "-ERR …" and no -NOPERM, so a client that tells by the code takes it for a wrong command; and ACL LOG (in 8.6.3 also
# acl_access_denied_key of INFO) has no entry. SORT … STORE to a key that he may not write shows what is expected: DRYRUN says so,
# -NOPERM, one entry.
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
  const line = async (...args) => (await ask(...args)).replaceAll('\r\n', ' ').trim()
  const heardSince = () => { const text = bytes; bytes = ''; return text.replaceAll('\r\n', ' ').trim() }
  return { ask, line, heardSince, close: () => socket.destroy() }
}

const [, , port] = process.argv
const admin = open(port)
const user = open(port)
const version = /redis_version:(\S+)/.exec(await admin.line('INFO', 'server'))?.[1]
await admin.line('ACL', 'SETUSER', 'u', 'on', '>p', '~l', '+@all')
await admin.line('RPUSH', 'l', '1')
await user.line('AUTH', 'u', 'p')
const look = async (...command) => {
  await admin.line('ACL', 'LOG', 'RESET')
  return {
    dryrun: (await admin.line('ACL', 'DRYRUN', 'u', ...command)).replace(/^[$]\d+ /, ''),
    error: await user.line(...command),
    log: Number((await admin.line('ACL', 'LOG')).split(' ')[0].slice(1)),
  }
}
const seen = { version, by: await look('SORT', 'l', 'BY', 'w*'), get: await look('SORT', 'l', 'GET', 'w*'), store: await look('SORT', 'l', 'STORE', 'd') }
console.log(JSON.stringify(seen))
admin.close()
user.close()
const unknown = (each) => each.dryrun === '+OK' && each.error.startsWith('-ERR ') && each.error.includes('ACL') && each.log === 0
const same =
  unknown(seen.by) && unknown(seen.get) && seen.store.dryrun.includes('no permissions') && seen.store.error.startsWith('-NOPERM ') && seen.store.log === 1
console.log(same ? 'as described: denied, and not to be found' : 'it is not as described any more')
process.exit(same ? 0 : 1)
JS
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; (echo > /dev/tcp/127.0.0.1/$port) 2>/dev/null && break; done
node look.mjs $port
