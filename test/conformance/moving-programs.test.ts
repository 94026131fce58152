import fc from 'fast-check'
import t from 'tap'
import { breakLinkIfUp } from '../helpers/break-link.js'
import { membersOf, nodeStates } from '../helpers/ring-state.js'
import { comeBack, declareDown } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'
import { type Count, Player, program, withoutSwaps } from './moving-programs.js'
import { Pair } from './pair.js'

/**
 * Another one may be given to look further, and more runs: DT_TEST_SEED=7 DT_TEST_RUNS=100. A failure is printed with its seed and
 * the shortest program that was found for it.
 */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)
const RUNS = Number(process.env.DT_TEST_RUNS ?? 8)
const PLAYERS = 3
/** Keys of other clients, in database 0, which are moved before those that are written, so that a change takes a while. */
const OTHERS = 6000
const [COMES, FAILS, CUT] = ['dt-5', 'dt-2', 'dt-3']

const pair = await Pair.start(t, {
  nodes: 5,
  config: { migration: { maxBytesPerSecond: '1mb' }, backend: { reconnectMinMs: 5, reconnectMaxMs: 50 } },
})
const { proxy } = pair
const operator = await proxy.connect()
for (let i = 0; i < OTHERS; i += 500) {
  await operator.pipeline(Array.from({ length: 500 }, (_, k) => ['SET', `other:${i + k}`, 'x'.repeat(200)]))
}

const isMember = async (name: string) => (await membersOf(operator)).includes(name)
const isQuiet = async () => String(await operator.ask('DT', 'MIGRATIONS')) === '*0\r\n'
const isUp = async (name: string) => (await nodeStates(operator))[name] === 'up' && (await isQuiet())

/** What happens to the ring's members; each takes back what it has done before. Resolves when it is over. */
const CHANGES = {
  /** A member leaves, or joins, with nothing. */
  async moves() {
    if (await isMember(COMES)) {
      await operator.ask('DT', 'REMOVE', COMES)
      await until(`${COMES} has left`, async () => !(await isMember(COMES)) && (await isQuiet()))
    } else {
      await proxy.ring.restart(COMES, { empty: true })
      await operator.ask('DT', 'ADD', COMES, `127.0.0.1:${proxy.ring.server(COMES).port}`)
      await until(`${COMES} has joined`, async () => (await isMember(COMES)) && (await isUp(COMES)))
    }
  },
  /** A member fails, or comes back. */
  async fails() {
    if (await isMember(FAILS)) {
      await proxy.ring.kill(FAILS)
      await declareDown(proxy.ring, FAILS)
      await until(`${FAILS} is out`, async () => !(await isMember(FAILS)) && (await isQuiet()))
    } else {
      await comeBack(proxy.ring, FAILS)
      await until(`${FAILS} is back`, async () => (await isMember(FAILS)) && (await isUp(FAILS)))
    }
  },
  /** The proxy's connection to one breaks, some times. */
  async breaks() {
    const member = await proxy.connectTo(CUT)
    for (let i = 0; i < 20; i++) {
      await breakLinkIfUp(member)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    member.close()
    await until(`${CUT} is up`, () => isUp(CUT))
  },
}

const letters = 'cdefghijklmnopq'.split('').map((letter) => `{${letter}}`)
const tags = fc.tuple(fc.constantFrom(...letters), fc.constantFrom(...letters))

t.test('random programs are answered as by Redis while members join, leave, fail and come back', async (t) => {
  const count: Count = { commands: 0, execs: 0, watchedDone: 0, watchedNot: 0, notApplied: 0, unknown: 0 }
  const changes = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...(Object.keys(CHANGES) as (keyof typeof CHANGES)[])),
      fc.array(fc.tuple(program, tags, fc.constantFrom<2 | 3>(2, 3)), { minLength: PLAYERS, maxLength: PLAYERS }),
      async (name, programs) => {
        const mayFail = name !== 'moves'
        const players = await Promise.all(
          programs.map(([, own, proto], i) => Player.start(pair, i, own, proto, mayFail, count)),
        )
        let isOver = false
        const change = CHANGES[name]().finally(() => {
          isOver = true
        })
        const play = async (player: Player, i: number) => {
          await player.play(programs[i][0])
          while (!isOver && player.faults.length === 0) await player.play(withoutSwaps(programs[i][0]))
          // Once more when nothing moves.
          await player.play(programs[i][0])
          await player.compare()
        }
        await Promise.all([change, ...players.map(play)])
        for (const player of players) player.close()
        const faults = players.flatMap((player) => player.faults)
        changes.set(name, (changes.get(name) ?? 0) + 1)
        if (faults.length > 0) throw new Error(`${name}: ${faults.slice(0, 10).join('\n')}`)
        const report = await verify(operator)
        if (report.differences !== 0 || report.complete !== 1) throw new Error(`${name}: ${JSON.stringify(report)}`)
      },
    ),
    { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: 6000 * RUNS, markInterruptAsFailure: true },
  )
  t.comment(JSON.stringify({ ...count, ...Object.fromEntries(changes) }))
  t.ok(count.commands > 1000 && count.watchedDone > 0, JSON.stringify(count))
})
