import t from 'tap'
import { answersAlike } from '../helpers/alike.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'

/*
 * Commands that Redis 7.0 does not have, of whatever version is on the PATH: `npm run test:newer`. Where a server does not know one, the
 * ring does not either.
 */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 })
const redis = await startRedis(t)
const [ours, theirs] = [await proxy.connect(), await redis.connect()]
const listed = itemsOf(readReply(await theirs.ask('COMMAND', 'LIST'))).map((name) => textOf(name).toLowerCase())

const same = (t: { equal(a: unknown, b: unknown, what: string): unknown }, lines: readonly string[]) =>
  answersAlike(
    t,
    ours,
    theirs,
    lines.map((line) => line.split(' ')),
  )

/** On several servers, and on one. */
const KEYS = ['a b c d e f g h', '{t}a {t}b {t}c {t}d {t}e {t}f {t}g {t}h'].map((keys) => keys.split(' '))

t.test('MSETEX sets keys on one and on several servers, with a deadline, if it may', async (t) => {
  for (const keys of KEYS) {
    await same(t, ['FLUSHALL'])
    const pairs = keys.map((key, i) => `${key} ${i}`).join(' ')
    const all = `MSETEX ${keys.length} ${pairs}`
    const held = [`MGET ${keys.join(' ')}`, ...keys.map((key) => `PEXPIRETIME ${key}`)]
    for (const words of ['', ' NX', ' XX', ' PXAT 4102444800123', ' KEEPTTL', ' EXAT 4102444800 XX', ' nx', '']) {
      await same(t, [all + words, ...held])
    }
    await same(t, [`DEL ${keys[3]}`, `${all} XX EXAT 4102444800`, ...held, `${all} NX`, ...held])
    await same(t, [
      `DEL ${keys.join(' ')}`,
      `RPUSH ${keys[0]} x`,
      `${all} NX`,
      ...held.slice(1),
      `${all} XX`,
      all,
      ...held,
    ])
    await same(t, [`${all} PXAT 1`, `EXISTS ${keys.join(' ')}`, all])
    for (const words of [
      ' NX XX',
      ' EX',
      ' EX 0',
      ' EX -1',
      ' EX x',
      ' KEEPTTL EX 1',
      ' EX 1 PX 1',
      ' FOO',
      ' NX NX',
    ]) {
      await same(t, [all + words, ...held])
    }
    await same(t, [`MSETEX 9 ${pairs}`, `MSETEX 0 ${pairs}`, `MSETEX x ${pairs}`, `MSETEX -1 ${pairs}`, 'MSETEX 1 k'])
    await same(t, [
      `MSETEX 2 ${keys[0]} 1 ${keys[0]} 2 ${keys[1]} 1`,
      `MSETEX 3 ${keys[0]} 1 ${keys[0]} 2 ${keys[1]} 1`,
    ])
    await same(t, held)
    await same(t, ['MULTI', `${all} PXAT 4102444800123`, `GET ${keys[2]}`, 'EXEC', ...held])
    for (const words of ['EX 1000', 'PX 1000000']) {
      await same(t, [`${all} ${words}`])
      for (const key of keys) {
        const [our, their] = await Promise.all([ours, theirs].map((client) => client.ask('PTTL', key)))
        t.ok(Math.abs(Number(String(our).slice(1)) - Number(String(their).slice(1))) < 60_000, `${words} of ${key}`)
      }
    }
  }
  t.match(String(await ours.ask('DT', 'VERIFY')), /differences\r\n:0\r\n/, 'all copies are equal')
})

t.test('what clients say of themselves, and logs', async (t) => {
  await same(t, ['CLIENT CAPA redirect', 'CLIENT CAPA a b', 'CLIENT CAPA', 'COMMANDLOG HELP'])
  await same(t, ['CONFIG SET slowlog-log-slower-than -1', 'SLOWLOG RESET', 'COMMANDLOG RESET slow'])
  await same(t, ['COMMANDLOG LEN slow', 'COMMANDLOG GET 1 slow', 'COMMANDLOG GET -2 slow', 'COMMANDLOG LEN foo'])
  await same(t, ['COMMANDLOG GET x slow', 'COMMANDLOG GET 1', 'COMMANDLOG RESET foo'])
  if (listed.includes('commandlog|get')) {
    t.match(
      String(await ours.ask('COMMANDLOG', 'LEN', 'large-reply')),
      /^-ERR .*refused by this proxy: .*nothing was done/,
    )
    await ours.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
    await ours.ask('GET', 'noted')
    t.match(String(await ours.ask('COMMANDLOG', 'GET', '5', 'SLOW')), /noted/)
  }
})

t.test('SCRIPT SHOW gives what was sent, and not what the servers have', async (t) => {
  const source = "return redis.call('GET',KEYS[1])"
  const sha = async (client: RawClient) => textOf(readReply(await client.ask('SCRIPT', 'LOAD', source)))
  t.equal(await sha(ours), await sha(theirs))
  const one = await sha(ours)
  await same(t, [`SCRIPT SHOW ${one}`, `SCRIPT SHOW ${one.toUpperCase()}`, 'SCRIPT SHOW nosuch', 'SCRIPT SHOW'])
})

t.test('what is about slots answers as without Redis Cluster', async (t) => {
  const names = ['MYSHARDID', 'SLOT-STATS SLOTSRANGE 0 1', 'GETSLOTMIGRATIONS', 'CANCELSLOTMIGRATIONS']
  await same(
    t,
    names.map((name) => `CLUSTER ${name}`),
  )
})

t.test('each other one works, or says why it is refused', async (t) => {
  const client = await proxy.connect()
  for (const name of listed) {
    const reply = String(await client.ask('COMMAND', 'INFO', name))
    t.match(reply, /^\*1\r\n\*10\r\n/, name)
  }
  for (const [name, ...words] of [
    ['hotkeys', 'get'],
    ['trimslots', 'RANGES', '1', '0', '1'],
    ['clusterscan', '0'],
    ['client', 'import-source', 'on'],
  ]) {
    const full = [name, words[0]].join('|')
    if (!listed.includes(name) || (name === 'client' && !listed.includes(full))) continue
    t.match(
      String(await client.ask(name, ...words)),
      /^-ERR '\S+' is refused by this proxy: .*; nothing was done/,
      full,
    )
  }
})

t.test('every key of a command is asked about, as by one server', async (t) => {
  await same(t, ['FLUSHALL', 'ACL SETUSER few on nopass +@all ~a*', 'SET b x'])
  for (const line of [
    'MSETEX 2 a1 1 b 2',
    'MSETEX 3 a1 1 a2 2 b 3 EX 100',
    'MSETEX 2 a1 1 a2 b',
    'MSETEX 1 b 1',
    'DELEX b',
    'DELEX b IFEQ x',
    'DELIFEQ b x',
    'DELEX a1',
    'HSETEX b FIELDS 1 f 1',
    'HGETDEL b FIELDS 1 f',
    'DIGEST b',
  ]) {
    if (!listed.includes(line.split(' ', 1)[0].toLowerCase())) continue
    await same(t, [`COMMAND GETKEYS ${line}`, `COMMAND GETKEYSANDFLAGS ${line}`])
    const [our, their] = [await proxy.connect(), await redis.connect()]
    await answersAlike(t, our, their, [['AUTH', 'few', 'x']])
    // The texts of newer servers are others.
    const kinds = await Promise.all(
      [our, their].map(async (client) => String(await client.ask(...line.split(' '))).slice(0, 7)),
    )
    t.equal(kinds[0], kinds[1], line)
    const dry = await Promise.all(
      [ours, theirs].map((client) => client.ask('ACL', 'DRYRUN', 'few', ...line.split(' '))),
    )
    t.equal(String(dry[0]) === '+OK\r\n', String(dry[1]) === '+OK\r\n', `whether ${line} may be executed`)
  }
  await same(t, ['GET b', 'ACL DELUSER few'])
})

t.test('subcommands are of the categories that one server says', async (t) => {
  const lines = ['SCRIPT SHOW e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 'CLIENT CAPA redirect', 'CLUSTER MYSHARDID']
  for (const rule of ['-@scripting', '-@connection', '-@slow', '-@hash']) {
    await same(t, [`ACL SETUSER some reset on nopass ~* &* +@all ${rule} +auth`])
    const [our, their] = [await proxy.connect(), await redis.connect()]
    await answersAlike(t, our, their, [['AUTH', 'some', 'x']])
    for (const line of lines) {
      if (!listed.includes(line.split(' ', 2).join('|').toLowerCase())) continue
      const answers = await Promise.all([our, their].map((client) => client.ask(...line.split(' '))))
      const [isOurs, isTheirs] = answers.map((answer) => String(answer).startsWith('-NOPERM '))
      t.equal(isOurs, isTheirs, `${rule}: ${line}`)
    }
  }
  await same(t, ['ACL DELUSER some'])
})
