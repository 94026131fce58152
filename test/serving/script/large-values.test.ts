import t, { type Test } from 'tap'
import { luaAccesses, luaRightsOf } from '../../../src/acl/lua-rights.js'
import { User } from '../../../src/acl/user.js'
import { argumentOf, frameIn, frameOf } from '../../../src/resp/frame.js'
import { scriptsOf } from '../../../src/serving/function/library.js'
import { LOOP } from '../../../src/serving/script/loop.js'
import { type Outcome, outcomeOf } from '../../../src/serving/script/outcome.js'
import { broughtBy } from '../../../src/serving/script/prologue-rights.js'
import { oldWords } from '../../../src/serving/script/prologue-words.js'
import { type Script, wrap } from '../../../src/serving/script/script.js'
import { Random } from '../../chaos/random.js'
import { RawConnection, RealRedis } from '../../helpers/real-redis.js'

/*
 * What a script does to large values is taken back without a DUMP of them, when it is stopped; and when it is not stopped it has done, and said, what it
 * would have done on a Redis alone.
 */

const KEYS = ['list', 'other', 'zset', 'stream', 'small', 'mortal', 'ended']
const SCORES = ['-inf', 'inf', '0.1', '-3e-300', '12345678901234567', '7']
const LENGTH = 300
const MAX_BYTES = 1_000_000
const ROUNDS = 15

const servers = await Promise.all([RealRedis.start(), RealRedis.start(), RealRedis.start()])
t.teardown(() => Promise.all(servers.map((server) => server.stop())))
const [plain, master, backup] = await Promise.all(servers.map((server) => RawConnection.open(server.port, 3)))
t.teardown(() => {
  for (const each of [plain, master, backup]) each.close()
})
await backup.ask('SCRIPT', 'LOAD', LOOP)

const numbers = Array.from({ length: LENGTH }, (_, i) => i)
const SEED: readonly (readonly string[])[] = [
  ['FLUSHALL'],
  ['RPUSH', 'list', ...numbers.map((i) => `element ${i}`)],
  ['RPUSH', 'other', ...numbers.map((i) => `other ${i}`)],
  ['ZADD', 'zset', ...numbers.flatMap((i) => [SCORES[i] ?? String(i), `m${i}`])],
  ['EVAL', `for i = 1, ${LENGTH} do redis.call('XADD', 'stream', i .. '-0', 'f', 'v' .. i) end`, '0'],
  ['XDEL', 'stream', `${LENGTH}-0`],
  ['XGROUP', 'CREATE', 'stream', 'group', '5-0'],
  ['RPUSH', 'small', 'a', 'b'],
  ['RPUSH', 'mortal', ...numbers.map(String)],
  ['PEXPIREAT', 'mortal', '33000000000000'],
  ['ZADD', 'ended', ...numbers.flatMap((i) => [String(i), `e${i}`])],
  ['PEXPIREAT', 'ended', '33000000000001'],
]

function seeded(t: Test): Random {
  const number = Number(process.env.SEED ?? Date.now() % 1_000_000)
  t.comment(`SEED=${number}`)
  return new Random(number, 'large values')
}

async function seed(): Promise<void> {
  await Promise.all([plain, master, backup].flatMap((server) => SEED.map((command) => server.ask(...command))))
}

async function content(server: RawConnection): Promise<string> {
  const parts: string[] = []
  const names = String(await server.ask('KEYS', '*'))
  for (const key of names
    .split('\r\n')
    .filter((name) => /^[a-z]/.test(name))
    .sort()) {
    const type = String(await server.ask('TYPE', key)).trim()
    const value = await server.ask(...(READ[type]?.(key) ?? ['GET', key]))
    parts.push(`${key} ${type} ${String(await server.ask('PEXPIRETIME', key)).trim()} ${value.toString('latin1')}`)
  }
  return parts.join('\n')
}

const READ: Readonly<Record<string, (key: string) => string[]>> = {
  '+list': (key) => ['LRANGE', key, '0', '-1'],
  '+zset': (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  '+stream': (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '1000'],
}

/** Who may do everything but one thing, which no script here does. */
const rightsOfSomebody = () => {
  const user = new User('somebody', { allChannels: true })
  const wrong = ['on', 'nopass', '~*', '&*', '+@all', '-debug'].find(
    (rule) => user.apply(Buffer.from(rule)) !== undefined,
  )
  if (wrong !== undefined) throw new Error(`no rule: ${wrong}`)
  return { user: user.name, rights: luaRightsOf(user), accesses: luaAccesses() }
}
const RIGHTS = rightsOfSomebody()
const WORDS = oldWords(' is not known to all', new Map())

/** The forms in which scripts are run: what takes back what they did is put together with different other parts. */
const FORMS: Readonly<Record<string, (source: string) => Promise<{ script: Script; last: string }>>> = {
  plain: (source) => loaded(wrap(Buffer.from(source), MAX_BYTES)),
  'members are of several kinds': (source) =>
    loaded(wrap(Buffer.from(source), MAX_BYTES, { rights: undefined, words: WORDS })),
  'somebody may not do everything': (source) =>
    loaded(wrap(Buffer.from(source), MAX_BYTES, { rights: RIGHTS, words: WORDS })),
  'a function': (source) => loadedFunction(source, ''),
  'a function for somebody': (source) => loadedFunction(source, `-${broughtBy(RIGHTS, WORDS)}`),
}

async function loaded(script: Script): Promise<{ script: Script; last: string }> {
  await master.ask('SCRIPT', 'LOAD', script.wrapped)
  return { script, last: '' }
}

const libraryOf = (source: string) =>
  `#!lua name=own\nredis.register_function('own', function(KEYS, ARGV)\n${source}\nend)`

async function loadedFunction(source: string, last: string): Promise<{ script: Script; last: string }> {
  const functions = [{ name: 'own', description: null, flags: [] }]
  const [script] = scriptsOf({ source: Buffer.from(libraryOf(source)), functions, loading: '' }, MAX_BYTES)
  await master.ask('FUNCTION', 'FLUSH')
  const said = String(await master.ask('FUNCTION', 'LOAD', script.wrapped))
  if (said.startsWith('-')) throw new Error(said)
  return { script, last }
}

/** What a Redis alone says to it. */
async function alone(source: string, form: string): Promise<Buffer> {
  const keys = [String(KEYS.length), ...KEYS]
  if (!form.includes('function')) return plain.ask('EVAL', source, ...keys)
  await plain.ask('FUNCTION', 'LOAD', 'REPLACE', libraryOf(source))
  return plain.ask('FCALL', 'own', ...keys)
}

async function run(source: string, form = 'plain'): Promise<Outcome> {
  const { script, last } = await FORMS[form](source)
  if (script.staysInside) throw new Error(`${source} cannot leave its keys`)
  const command = [
    script.library === undefined ? 'EVALSHA' : 'FCALL',
    script.wrappedSha,
    ...[String(KEYS.length), ...KEYS],
  ]
  const reply = await master.ask(...command, '0', last)
  const frame = frameOf(command)
  return outcomeOf(script, { frame, numkeys: KEYS.length }, reply, 0, reply.length)
}

const callsOf = async (command: string) =>
  Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(String(await master.ask('INFO', 'commandstats')))?.[1] ?? 0)

const key = (name: string) => `KEYS[${KEYS.indexOf(name) + 1}]..''`
/** With no command beyond the short way, of which the keys cannot be seen. */
const SIMPLE: readonly ((pick: (n: number) => number) => string)[] = [
  (pick) => `'rpush',${key(LISTS[pick(4)])},'r${pick(99)}','s'`,
  (pick) => `'LPUSH',${key(LISTS[pick(4)])},'l${pick(99)}',${pick(9)}`,
  (pick) => `'zadd',${key(ZSETS[pick(2)])},${pick(9)},'m${pick(400)}','3.5','e${pick(400)}'`,
  (pick) => `'zincrby',${key(ZSETS[pick(2)])},'1.25','m${pick(400)}'`,
  (pick) => `'zrem',${key(ZSETS[pick(2)])},'m${pick(400)}','e${pick(400)}'`,
  (pick) => `'rpush',${key('zset')},'${pick(9)}'`,
  (pick) => `'zadd',${key(ZSETS[pick(2)])},'nan','m${pick(9)}'`,
]
const LISTS = ['list', 'other', 'small', 'mortal']
const ZSETS = ['zset', 'ended']
const MORE: typeof SIMPLE = [
  ...SIMPLE,
  (pick) =>
    `'lmove',${key(LISTS[pick(4)])},${key(LISTS[pick(4)])},'${['LEFT', 'RIGHT'][pick(2)]}','${['left', 'right'][pick(2)]}'`,
  (pick) => `'rpoplpush',${key(LISTS[pick(4)])},${key(LISTS[pick(4)])}`,
  (pick) => `'lpop',${key(LISTS[pick(4)])}`,
  (pick) => `'rpop',${key(LISTS[pick(4)])}${[",'2'", ''][pick(2)]}`,
  () => `'lmove',${key('list')},${key('zset')},'LEFT','LEFT'`,
  (pick) => `'lset',${key('list')},'${pick(300)}','set'`,
  (pick) => `'zadd',${key('zset')},'gt','ch',${pick(400)},'m${pick(400)}'`,
  (pick) => `'zadd',${key('zset')},'xx','incr',2,'m${pick(400)}'`,
  () => `'ltrim',${key('other')},1,-2`,
  (pick) => `'xadd',${key('stream')},'MAXLEN','~','200','*','f','x${pick(99)}'`,
  (pick) => `'xadd',${key('stream')},'maxlen',${pick(300) + 1},'*','f','x','g',${pick(9)}`,
  () => `'xadd',${key('stream')},'*','f','x'`,
  () => `'xadd',${key('stream')},'*','f'`,
  (pick) => `'xtrim',${key('stream')},'MAXLEN',${['', "'=',"][pick(2)]}${200 + pick(150)}`,
  (pick) => `'xtrim',${key('stream')},'maxlen','~','${400 + pick(9)}'`,
]
const RARE: typeof SIMPLE = [
  ...MORE,
  ...MORE,
  () => `'persist',${key('mortal')}`,
  () => `'del',${key('ended')}`,
  () => `'xlen',${key('stream')}`,
  () => `'xdel',${key('stream')},'100-0'`,
  () => `'xadd',${key('stream')},'9000000000000-1','f','x'`,
  () => `'llen',${key('list')}`,
  () => `'rename',${key('list')},${key('other')}`,
]

const pickForm = (round: number) => Object.keys(FORMS)[round % Object.keys(FORMS).length]
const bodyOf = (commands: readonly string[]) => commands.map((command) => `redis.pcall(${command})`).join('\n')

for (const [title, choices] of Object.entries({ SIMPLE, MORE, RARE })) {
  t.test(`a script that is stopped has done nothing, whatever it did: ${title}`, async (t) => {
    const random = seeded(t)
    const pick = (n: number) => random.below(n)
    for (let round = 0; round < ROUNDS; round++) {
      const form = pickForm(round)
      await seed()
      const before = await content(master)
      const commands = Array.from({ length: 1 + pick(12) }, () => choices[pick(choices.length)](pick))
      const source = `${bodyOf(commands)}\nreturn redis.call('get', ARGV[1] or 'not among them')`
      const outcome = await run(source, form)
      if (!t.equal(outcome.kind, 'stopped', `${form}: ${source}`)) return
      if (!t.equal(await content(master), before, `${form}: ${source}`)) return
    }
  })

  t.test(`one that is not stopped has done and said what it would have alone: ${title}`, async (t) => {
    const random = seeded(t)
    const pick = (n: number) => random.below(n)
    for (let round = 0; round < ROUNDS; round++) {
      const form = pickForm(round)
      await seed()
      const commands = Array.from({ length: 1 + pick(12) }, () => choices[pick(choices.length)](pick))
      const source = `local r = {}\n${commands
        .map((command) => `r[#r+1] = redis.pcall(${command}) or 'nothing'`)
        .join('\n')}\nreturn r`
      const said = await alone(source, form)
      const outcome = await run(source, form)
      if (outcome.kind !== 'done') throw new Error(`${form}: ${source}: ${JSON.stringify(outcome)}`)
      const { buf, start, end } = outcome.reply
      if (!t.equal(timeless(buf.toString('latin1', start, end)), timeless(said.toString('latin1')), source)) return
      if (!t.equal(timeless(await content(master)), timeless(await content(plain)), source)) return
      if (outcome.effects.kind === 'unknown') throw new Error(`${source}: nobody knows what it did`)
      const { frame } = outcome.effects
      if (frame !== undefined) {
        const command = frameIn(frame)
        await backup.ask(...Array.from({ length: command.argc }, (_, i) => argumentOf(command, i)))
      }
      if (!t.equal(timeless(await content(backup)), timeless(await content(master)), source)) return
    }
  })
}

t.test('what was emptied, and begun again, is there again, with its deadline', async (t) => {
  const emptied: Readonly<Record<string, readonly string[]>> = {
    'a list, from its ends': Array.from(
      { length: 70 },
      (_, i) => `'${i % 2 === 0 ? 'lpop' : 'rpop'}',${key('mortal')}`,
    ),
    'a list, into another': Array.from({ length: 70 }, () => `'rpoplpush',${key('mortal')},${key('other')}`),
    'a sorted set': [`'zrem',${key('ended')},${numbers.slice(0, 70).map((i) => `'e${i}'`)}`],
  }
  const again = [
    '',
    `'rpush',${key('mortal')},'new'`,
    `'set',${key('ended')},'text'`,
    `'set',${key('mortal')},1,'EX',5000`,
  ]
  for (const [what, commands] of Object.entries(emptied))
    for (const last of again) {
      await seed()
      await master.ask('LTRIM', 'mortal', '0', '69')
      await master.ask('ZREMRANGEBYRANK', 'ended', '70', '-1')
      const before = await content(master)
      const source = bodyOf([...commands, ...(last === '' ? [] : [last])])
      const here = await run(`${source}\nreturn {redis.call('exists',${key('mortal')},${key('ended')})}`)
      t.equal(here.kind, 'done', what)
      t.not(await content(master), before, what)
      await seed()
      await master.ask('LTRIM', 'mortal', '0', '69')
      await master.ask('ZREMRANGEBYRANK', 'ended', '70', '-1')
      t.equal((await run(`${source}\nredis.call('get', 'not among them')`)).kind, 'stopped', what)
      t.equal(await content(master), before, `${what}, and then ${last}`)
    }
})

t.test('none of this reads a large value', async (t) => {
  await seed()
  const commands = [
    `'rpush',${key('small')},'x'`,
    `'xtrim',${key('stream')},'MAXLEN','~',${LENGTH - 90}`,
    `'xtrim',${key('stream')},'MAXLEN',${LENGTH}`,
    `'xadd',${key('stream')},'MAXLEN','~','200','*','f','x'`,
    `'lmove',${key('list')},${key('other')},'LEFT','RIGHT'`,
    `'zadd',${key('zset')},1,'new'`,
  ]
  const stopping = `${bodyOf(commands)}\nredis.call('get', ARGV[1] or 'not among them')`
  for (const [source, kind] of [
    [`${bodyOf(commands)}\nreturn 1`, 'done'],
    [stopping, 'stopped'],
  ]) {
    const dumped = await callsOf('dump')
    t.equal((await run(source)).kind, kind)
    t.equal((await callsOf('dump')) - dumped, 1, 'but the small one')
  }
})

t.test('an approximate trim leaves up to a hundred entries more of a large stream, and no more', async (t) => {
  const last = "redis.call('set',KEYS[5]..'','x')"
  const lengthAfter = async (entries: number, trim: string) => {
    await master.ask('FLUSHALL')
    // Each node holds ten: a server would trim all that are beyond.
    await master.ask('CONFIG', 'SET', 'stream-node-max-entries', '10')
    await master.ask('EVAL', `for i = 1, ${entries} do redis.call('XADD', 'stream', i .. '-0', 'f', 'v') end`, '0')
    const outcome = await run(`redis.call('xtrim',${key('stream')},${trim}) ${last} return 1`)
    if (outcome.kind !== 'done') throw new Error(JSON.stringify(outcome))
    return Number(String(await master.ask('XLEN', 'stream')).slice(1))
  }
  t.equal(await lengthAfter(299, "'MAXLEN','~',200"), 299)
  t.equal(await lengthAfter(300, "'MAXLEN','~',200"), 200, 'then all of it')
  t.equal(await lengthAfter(60, "'MAXLEN','~',50"), 50, 'of a small one at once')
  t.equal(await lengthAfter(299, "'MAXLEN','=',200"), 200)
  t.equal(await lengthAfter(299, "'MAXLEN','~',200,'LIMIT',1000"), 209, 'one that says how much it may do')
  t.equal(await lengthAfter(299, "'MINID','~',100"), 209)
  await master.ask('CONFIG', 'SET', 'stream-node-max-entries', '100')
})

/** IDs that are the time become one, and how the entries lie in nodes is nobody's. */
function timeless(text: string): string {
  return text.replace(/\$\d+\r\n\d{13}-\d+\r\n/g, 'ID ').replace(/radix-tree-(keys|nodes)\r\n:\d+/g, 'radix')
}
