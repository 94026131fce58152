import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../../src/local/ask.js'
import { command } from '../helpers/raw-client.js'
import { type ChaosRing, THE_BEGINNING } from './chaos-ring.js'
import { SAYS_UNKNOWN } from './checkers/honesty.js'
import { Connection } from './connection.js'
import type { Fault } from './faults.js'
import { again, configure, tellSentinels } from './operator-faults.js'
import { placement } from './placement.js'
import { isDown } from './sentinels.js'

/*
 * What somebody does straight on members, or what happens to them there, while their links live.
 */

/** A running proxy looks at its members' markers, roles and settings at least so often, and then sets them right. */
const NOTICED_MS = 3000
const NOTICED_LATEST_MS = 6000

export const SERVER_FAULTS: Readonly<Record<string, Fault>> = {
  'refuse-some': {
    summary: '1 to r members refuse some commands, by an ACL that somebody sets straight on them',
    resource: 'members',
    lasts: [100, 3000],
    async run({ ring }, { durationMs, dice }, targets) {
      const refused = SOME_COMMANDS[Math.floor(dice[0] * SOME_COMMANDS.length)]
      const each = (rule: string) =>
        Promise.all(targets.map((name) => tell(ring, name, `ACL SETUSER default ${rule}`, /^\+OK/)))
      await each(refused.map((name) => `-${name}`).join(' '))
      await sleep(durationMs)
      await each('+@all')
    },
  },
  'refuse-and-lose': {
    summary: 'one member refuses writes, or has no memory left, for a long time, and r - 1 others are killed meanwhile',
    resource: 'members',
    needs: ['data'],
    fillsBudget: true,
    sparesOthers: true,
    lasts: [2500, 7000],
    async run({ ring }, { durationMs, dice }, [full, ...killed]) {
      const [refuse, accept] =
        dice[1] < 0.5 ? ['maxmemory 1', 'maxmemory 0'] : ['min-replicas-to-write 1', 'min-replicas-to-write 0']
      await configure(ring, full, refuse)
      await sleep(dice[0] * 500)
      await Promise.all(killed.map((name) => ring.member(name).server.kill()))
      await sleep(durationMs)
      await configure(ring, full, accept)
      await Promise.all(killed.map((name) => ring.restart(name, false)))
    },
  },
  'part-waits': {
    summary:
      'MSET of two keys: a server of the one cannot be reached for too long, and a backup of the other refuses writes',
    resource: 'all',
    leastSeconds: 10,
    lasts: [0, 500],
    async run({ ring, complain }, { durationMs, dice }) {
      const found = twoParts(ring, dice[0])
      if (found === undefined) return
      const { away, refusing, waits, halved } = found
      const { relay } = ring.member(away)
      await askProxy(ring, 'MSET', waits, 'old', halved, 'old')
      await configure(ring, refusing, 'min-replicas-to-write 1')
      // Its Sentinels reach it: it is waited for until the command's time is over.
      relay.cut(['proxy'])
      await sleep(durationMs)
      const answer = await askProxy(ring, 'MSET', waits, 'new', halved, 'new')
      relay.heal()
      await configure(ring, refusing, 'min-replicas-to-write 0')
      await sleep(NOTICED_MS)
      const applied = []
      for (const key of [waits, halved]) if ((await askProxy(ring, 'GET', key)) === 'new') applied.push(key)
      if (applied.length > 0 && answer !== 'OK' && !SAYS_UNKNOWN.test(answer)) {
        complain(`MSET of ${waits} and ${halved} answers ${answer}, and ${applied} has what it wrote`, 'honest errors')
      }
      await askProxy(ring, 'UNLINK', waits, halved)
    },
  },
  'config-drift': {
    summary: 'somebody changes a setting that equality rests on, straight on 1 to r members, and does not put it back',
    resource: 'members',
    sparesOthers: true,
    lasts: [500, 3000],
    async run({ ring }, { durationMs, dice }, targets) {
      const setting = DRIFTS[Math.floor(dice[0] * DRIFTS.length)]
      for (const name of targets) await configure(ring, name, setting.changed)
      await sleep(durationMs + NOTICED_MS)
      // What a member cannot be given by the proxy, the operator has to put right.
      if (setting.before !== undefined) for (const name of targets) await configure(ring, name, setting.before)
    },
  },
  'small-bulk': {
    summary: 'no argument may be longer than 1 MB on any member; a hash that is larger has lost a write on one of them',
    resource: 'all',
    lasts: [10, 500],
    async run({ ring, complain }, { durationMs, dice }) {
      const limit = (bytes: string) =>
        Promise.all([...ring.members.keys()].map((name) => configure(ring, name, `proto-max-bulk-len ${bytes}`)))
      await limit('1mb')
      // Links know the limit from their handshakes.
      await ring.proxy.kill('SIGTERM')
      await ring.proxy.start()
      const key = `bulky:${dice[0]}`
      for (let i = 0; i < 30; i++) await askProxy(ring, 'HSET', key, `f${i}`, randomBytes(45_000).toString('base64'))
      const holders = placement([...ring.expected], ring.options.replicas)(Buffer.from(key))
      const { relay } = ring.member(holders[Math.floor(dice[1] * holders.length)])
      relay.shape(['proxy'], 'replies', { stalled: true })
      const lost = askProxy(ring, 'HSET', key, 'lost', '1')
      await sleep(durationMs)
      relay.cut(['proxy'])
      relay.heal()
      await lost
      await sleep(NOTICED_MS)
      const reply = await askProxy(ring, 'HLEN', key)
      if (reply !== '31') complain(`HLEN of a hash that all members have answers ${reply}`, 'availability')
      await askProxy(ring, 'UNLINK', key)
      await limit('512mb')
    },
  },
  replicaof: {
    summary: 'somebody makes a member the replica of another one, and undoes it later',
    resource: 'members',
    needs: ['sentinels'],
    fillsBudget: true,
    lasts: [300, 4000],
    async run({ ring }, { durationMs, dice }, targets) {
      const [name] = targets
      const others = [...ring.expected].filter((other) => !targets.includes(other))
      const { server } = ring.member(others[Math.floor(dice[0] * others.length)])
      await tell(ring, name, `REPLICAOF ${server.host} ${server.port}`, /^\+OK/)
      await sleep(durationMs)
      await tell(ring, name, 'REPLICAOF NO ONE', /^\+OK/)
      // The Sentinels have found a replica, which they would make one again.
      await tellSentinels(ring, [`SENTINEL RESET ${server.name}`], /^:/)
    },
  },
  'function-flush': {
    summary: 'somebody deletes all functions, the marker among them, on 1 to r members; the proxy lives to notice it',
    resource: 'members',
    // A proxy that starts and finds keys without a marker takes them for a stranger's, and refuses the server.
    needs: ['proxy'],
    sparesOthers: true,
    lasts: [NOTICED_LATEST_MS, NOTICED_LATEST_MS + 1000],
    async run({ ring }, { durationMs }, targets) {
      for (const name of targets) await tell(ring, name, 'FUNCTION FLUSH', /^\+OK/)
      await sleep(durationMs)
    },
  },
  'function-flush-all': {
    summary: 'somebody deletes all functions on all members, and some time later the proxy is restarted in order',
    resource: 'all',
    lasts: [0, 1000],
    async run({ ring }, { durationMs }) {
      for (const name of ring.members.keys()) await tell(ring, name, 'FUNCTION FLUSH', /^\+OK/)
      await sleep(NOTICED_LATEST_MS + durationMs)
      await ring.proxy.kill('SIGTERM')
      await ring.proxy.start()
    },
  },
  'client-kill': {
    summary: 'somebody kills all connections of 1 to r members, again and again',
    resource: 'members',
    lasts: [0, 2000],
    async run({ ring }, { durationMs, dice }, targets) {
      const types = ['normal', 'pubsub']
      await again(durationMs, 30 + dice[0] * 500, async () => {
        for (const name of targets) for (const type of types) await tell(ring, name, `CLIENT KILL TYPE ${type}`, /^:/)
      })
    },
  },
  'client-pause': {
    summary: 'somebody pauses the clients of 1 to r members, all or those that write',
    resource: 'members',
    lasts: [100, 4000],
    async run({ ring }, { durationMs, dice }, targets) {
      const mode = dice[0] < 0.5 ? 'ALL' : 'WRITE'
      for (const name of targets) await tell(ring, name, `CLIENT PAUSE ${durationMs} ${mode}`, /^\+OK/)
      await sleep(durationMs)
    },
  },
  maxclients: {
    summary: '1 to r members close all connections and have no room for new ones',
    resource: 'members',
    lasts: [100, 4000],
    async run({ ring }, { durationMs }, targets) {
      const held = await Promise.all(targets.map((name) => Connection.open(ring.member(name).server.port)))
      const each = async (...words: string[]) => {
        await Promise.all(held.flatMap((connection) => connection.send(command(...words), 1)))
      }
      await each('CONFIG', 'SET', 'maxclients', '1')
      await each('CLIENT', 'KILL', 'TYPE', 'normal')
      await sleep(durationMs)
      await each('CONFIG', 'SET', 'maxclients', '10000')
      for (const connection of held) connection.close('done')
    },
  },
  'stale-data': {
    summary: '1 to r members are killed and come back with what they had a second ago, or when the run began',
    resource: 'members',
    lasts: [0, 2500],
    async run({ ring }, { durationMs, dice }, targets) {
      const label = dice[0] < 0.5 ? 'a second ago' : THE_BEGINNING
      if (label !== THE_BEGINNING) for (const name of targets) ring.keep(name, label)
      await sleep(200 + dice[1] * 1000)
      await Promise.all(targets.map((name) => ring.member(name).server.kill()))
      await sleep(Math.max(0, durationMs - 1500))
      await Promise.all(targets.map((name) => ring.restore(name, label)))
    },
  },
  'slow-key': {
    summary: 'a hash of many fields is deleted through the proxy: all its holders take their time over it at once',
    resource: 'data',
    needs: ['membership'],
    sparesOthers: true,
    leastSeconds: 30,
    lasts: [500, 2000],
    async run({ ring }, { durationMs, dice }) {
      const key = `huge:${dice[0]}`
      await grow(ring, key)
      await forget(ring, 'DEL', key)
      await sleep(durationMs)
    },
  },
  'slow-key-copied': {
    summary: 'a member that holds a hash of many fields is killed until it is declared down, and comes back',
    resource: 'members',
    needs: ['data', 'membership'],
    fillsBudget: true,
    sparesOthers: true,
    leastSeconds: 30,
    lasts: [500, 3000],
    async run({ ring }, { durationMs, dice }, targets) {
      const key = `huge:${dice[0]}`
      await grow(ring, key)
      for (const name of targets) {
        await ring.member(name).server.kill()
        await isDown(ring, name)
        await sleep(durationMs)
        await ring.restart(name, false)
      }
      await sleep(FILLING_MS)
      await forget(ring, 'UNLINK', key)
    },
  },
}

const SOME_COMMANDS: readonly (readonly string[])[] = [
  ['incr', 'append'],
  ['set', 'mset'],
  ['hset', 'sadd', 'xadd', 'rpush'],
  ['restore', 'unlink'],
  ['pexpireat'],
  ['dump'],
]

/** `before` is put back at the end; what has none the proxy has to set again by itself. */
const DRIFTS: readonly { readonly changed: string; readonly before?: string }[] = [
  { changed: 'notify-keyspace-events ""' },
  { changed: 'stream-node-max-entries 3', before: 'stream-node-max-entries 100' },
  { changed: 'maxmemory-policy allkeys-random', before: 'maxmemory-policy noeviction' },
]

/** Fields of a huge hash, and how many are made by one call: others are served between two, also when the machine is busy. */
const HUGE_FIELDS = 2_000_000
const FIELDS_PER_CALL = 2_000
/** For so long a member that is back is filled while other things may happen. */
const FILLING_MS = 3000

/** Makes a hash of very many fields, straight on its holders, which are quick with it. */
async function grow(ring: ChaosRing, key: string): Promise<void> {
  const holders = placement([...ring.expected], ring.options.replicas)(Buffer.from(key))
  // A member that has something else to worry about has a part of it, or nothing; nobody goes on when this is over.
  await Promise.allSettled(holders.map((name) => growOn(ring.member(name).server.port, key)))
}

/** Has the key deleted, sooner or later: what is left of it would be in everybody's way. */
async function forget(ring: ChaosRing, ...words: string[]): Promise<void> {
  for (let tries = 0; tries < FORGET_TRIES; tries++) {
    if (/^\d+$/.test(await askProxy(ring, ...words))) return
    await sleep(500)
  }
}

/** Two keys, and a server of the first and a backup of the second, neither of which holds the other key; if there are such. */
function twoParts(ring: ChaosRing, die: number) {
  const holdersOf = placement([...ring.expected], ring.options.replicas)
  const keys = Array.from({ length: 200 }, (_, i) => `part:${die}:${i}`)
  for (const waits of keys) {
    const [away, ...others] = holdersOf(Buffer.from(waits))
    const isApart = (key: string) => {
      const [, refusing] = holdersOf(Buffer.from(key))
      return !holdersOf(Buffer.from(key)).includes(away) && refusing !== undefined && !others.includes(refusing)
    }
    const halved = keys.find(isApart)
    if (halved !== undefined) return { away, refusing: holdersOf(Buffer.from(halved))[1], waits, halved }
  }
  return undefined
}

const FORGET_TRIES = 30

/** A part of the fields by each call, so that nobody takes the server for dead. */
async function growOn(port: number, key: string): Promise<void> {
  const connection = await Connection.open(port)
  try {
    for (let from = 0; from < HUGE_FIELDS; from += FIELDS_PER_CALL) {
      const words = ['EVAL', GROW_SCRIPT, '1', key, String(from), String(from + FIELDS_PER_CALL - 1)]
      const [reply] = await Promise.all(connection.send(command(...words), 1))
      if (reply.type === '-') throw new Error('a member refuses it')
    }
  } finally {
    connection.close('done')
  }
}

const GROW_SCRIPT = `
local t = {}
for i = ARGV[1], ARGV[2] do
  t[#t + 1] = 'f' .. i
  t[#t + 1] = 'v'
  if #t == 1000 then
    redis.call('HSET', KEYS[1], unpack(t))
    t = {}
  end
end`

/** The text of the answer, or why there is none. */
async function askProxy(ring: ChaosRing, ...words: string[]): Promise<string> {
  try {
    const connection = await Connection.open(ring.proxy.port)
    const [reply] = await Promise.all(connection.send(command(...words), 1)).finally(() => connection.close('done'))
    return 'text' in reply ? reply.text : 'several'
  } catch (error) {
    return (error as Error).message
  }
}

/** One command straight to a member. */
async function tell(ring: ChaosRing, name: string, words: string, answers: RegExp): Promise<void> {
  const { host, port } = ring.member(name).server
  const answer = await ask(host, port, words, 5000)
  if (!answers.test(answer ?? '')) throw new Error(`${name} answers ${answer} to ${words}`)
}
