import { setTimeout } from 'node:timers/promises'
import t from 'tap'
import { type Arg, RawClient } from '../helpers/raw-client.js'
import { replicasOf } from '../helpers/ring-state.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

/*
 * A member stands still, with its connections open. Whatever clients have asked of it, and however many they are, who asks
 * others notices nothing [design §5 Backpressure]. Large values have been seen, so that every reply may be a large one.
 */

const MEGABYTE = 1024 * 1024
const SILENT = 'dt-1'
const ASKERS = 40
const COMMANDS = 20
/** So long others are served meanwhile, and so long one of them may wait: a second is what was lost when all had to. */
const WATCHED_MS = 1500
const WAIT_MS_MAX = 500
/** Longer is not waited for. */
const GIVEN_UP_MS = 3000
/** What the silent member may have beyond its data when it goes on: what was asked of it. */
const MEMBER_BYTES_MAX = 100 * MEGABYTE

const large = Buffer.alloc(100_000, 'value ')

/** Keys by what the silent member is for them. */
interface Keys {
  readonly ofMaster: readonly string[]
  readonly ofBackup: readonly string[]
  readonly ofOthers: readonly string[]
}

async function sortedKeys(client: RawClient): Promise<Keys> {
  const keys = { ofMaster: [] as string[], ofBackup: [] as string[], ofOthers: [] as string[] }
  for (let i = 0; i < 120; i++) {
    const replicas = await replicasOf(client, `key-${i}`)
    const at = replicas.indexOf(SILENT)
    keys[at === 0 ? 'ofMaster' : at > 0 ? 'ofBackup' : 'ofOthers'].push(`key-${i}`)
  }
  return keys
}

interface Story {
  /** What the askers have asked before. */
  readonly before?: (keys: Keys) => readonly Arg[]
  /** What the i-th of them asks while the member is silent. */
  readonly ask: (keys: Keys, i: number) => readonly (readonly Arg[])[]
  /** What others ask meanwhile. */
  readonly others?: (keys: Keys, i: number) => readonly Arg[]
}

const times = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i))
const one = (keys: readonly string[], i: number): string => keys[i % keys.length]

let scripts = 0
const newScript = (...keys: string[]) => {
  const source = keys.length === 0 ? `return ${++scripts}` : `redis.call('get', KEYS[1]) return ${++scripts}`
  return ['EVAL', source, String(keys.length), ...keys]
}

const stories: Record<string, Story> = {
  'reads of its keys': {
    ask: ({ ofMaster }, i) => times(COMMANDS, (k) => ['GET', one(ofMaster, i + k)]),
  },
  'reads of its large values': {
    before: () => ['GET', 'large'],
    ask: ({ ofMaster }, i) => times(COMMANDS, (k) => ['GET', `{${one(ofMaster, i + k)}}-large`]),
    others: ({ ofOthers }, i) => ['GET', `{${one(ofOthers, i)}}-large`],
  },
  'reads of several members': {
    ask: ({ ofMaster, ofOthers }, i) => times(COMMANDS, (k) => ['MGET', one(ofMaster, i), ...ofOthers.slice(k, k + 9)]),
  },
  'transactions over several members': {
    ask: ({ ofMaster, ofOthers }, i) =>
      times(COMMANDS, (k) => [
        ['MULTI'],
        ['GET', one(ofMaster, i)],
        ['GET', one(ofOthers, i + k)],
        ['GETSET', one(ofOthers, k), 'v'],
        ['EXEC'],
      ]).flat(),
  },
  'writes of which it is to have a copy': {
    ask: ({ ofBackup }, i) =>
      times(COMMANDS, (k) => [
        ['SET', one(ofBackup, i + k), 'v'],
        ['GETSET', one(ofBackup, i + k), 'w'],
        ['SPOP', `{${one(ofBackup, i + k)}}-set`, '1'],
      ]).flat(),
  },
  'reads that wait at the gate of a move': {
    ask: ({ ofMaster, ofOthers }, i) =>
      i === 0
        ? times(1, () => ['LMOVE', `{${ofMaster[0]}}-list`, `{${ofOthers[0]}}-list`, 'LEFT', 'LEFT'])
        : times(COMMANDS, () => ['LRANGE', `{${ofOthers[0]}}-list`, '0', '-1']),
  },
  'scripts that nobody has sent before': {
    ask: ({ ofMaster }, i) => times(COMMANDS, (k) => newScript(one(ofMaster, i + k))),
    others: ({ ofOthers }, i) => (i % 2 === 0 ? newScript(one(ofOthers, i)) : newScript()),
  },
}

/** The longest time for which a client waits whose keys the silent member has nothing to do with. */
async function longestWait(serve: ServeProcess, keys: Keys, old: readonly RawClient[], story: Story): Promise<number> {
  const others =
    story.others ?? (({ ofOthers }, i) => (i % 4 === 0 ? ['SET', one(ofOthers, i), 'v'] : ['GET', one(ofOthers, i)]))
  const endMs = performance.now() + WATCHED_MS
  let longest = 0
  const ask = async (client: RawClient, first: number) => {
    const startMs = performance.now()
    const givenUp = new AbortController()
    await Promise.race([
      client.pipeline(times(16, (k) => others(keys, first + k))),
      setTimeout(GIVEN_UP_MS, undefined, { signal: givenUp.signal }).catch(() => {}),
    ])
    givenUp.abort()
    longest = Math.max(longest, performance.now() - startMs)
  }
  await Promise.all(
    old.map(async (client, i) => {
      for (let n = 0; performance.now() < endMs; n++) {
        await ask(client, 7 * i + n)
        const newcomer = await RawClient.connect(serve.port)
        await ask(newcomer, 5 * i + n)
        newcomer.close()
      }
    }),
  )
  return longest
}

async function peakBytes({ ring }: ServeProcess): Promise<number> {
  const member = await RawClient.connect(ring.members.find(({ name }) => name === SILENT)!.port)
  const info = String(await member.ask('INFO', 'memory'))
  member.close()
  return Number(/used_memory_peak:(\d+)/.exec(info)?.[1])
}

t.test('one member is silent', async (t) => {
  const serve = await ServeProcess.start(
    t,
    { nodes: 4, downAfterMs: 60_000 },
    { 'ring.replicas': '1', 'limits.unavailableTimeoutMs': '60000' },
  )
  const watcher = await serve.connect()
  const keys = await sortedKeys(watcher)
  for (const key of [...keys.ofMaster, ...keys.ofOthers, ...keys.ofBackup]) {
    await watcher.ask('SET', key, 'v')
    await watcher.ask('SADD', `{${key}}-set`, 'a', 'b')
  }
  for (const key of [...keys.ofMaster.slice(0, 20), ...keys.ofOthers.slice(0, 20)]) {
    await watcher.ask('SET', `{${key}}-large`, large)
  }
  await watcher.ask('SET', 'large', Buffer.alloc(MEGABYTE, 'value '))
  const old: RawClient[] = []
  for (let i = 0; i < 5; i++) {
    const client = await serve.connect()
    await client.pipeline(times(20, (k) => ['GET', one(keys.ofOthers, k)]))
    old.push(client)
  }
  const atStart = await peakBytes(serve)

  for (const [what, story] of Object.entries(stories)) {
    await t.test(what, async (t) => {
      const askers: RawClient[] = []
      for (let i = 0; i < ASKERS; i++) {
        const asker = await serve.connect()
        if (story.before !== undefined) await asker.ask(...story.before(keys))
        askers.push(asker)
      }
      serve.ring.pause(SILENT)
      const asked = askers.map((asker, i) => asker.pipeline(story.ask(keys, i)))
      const longest = await longestWait(serve, keys, old, story)
      t.ok(longest < WAIT_MS_MAX, `somebody else has waited for ${Math.round(longest)} ms`)
      serve.ring.resume(SILENT)
      for (const [i, replies] of (await Promise.all(asked)).entries()) {
        t.equal(replies.length, story.ask(keys, i).length)
        t.notOk(replies.some((reply) => reply[0] === 0x2d && !String(reply).startsWith('-WRONGTYPE')))
      }
      for (const asker of askers) asker.close()
      await until(
        'what others have asked is answered',
        async () =>
          /connected_clients:(\d+)/.exec(String(await watcher.ask('INFO', 'clients')))?.[1] === String(old.length + 1),
      )
    })
  }
  const grown = Math.round(((await peakBytes(serve)) - atStart) / MEGABYTE)
  t.ok(grown < MEMBER_BYTES_MAX / MEGABYTE, `the silent member has grown by ${grown} MB`)
  t.notOk(serve.output.includes('odown'))
})
