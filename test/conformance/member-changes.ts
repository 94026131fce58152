import { breakLinkIfUp } from '../helpers/break-link.js'
import { membersOf, nodeStates } from '../helpers/ring-state.js'
import { comeBack, declareDown } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'
import { Pair } from './pair.js'

/** Keys of other clients, in database 0, which are moved before those that are written, so that a change takes a while. */
const OTHERS = 6000
const [COMES, FAILS, CUT] = ['dt-5', 'dt-2', 'dt-3']

type Teardown = Parameters<typeof Pair.start>[0]

/**
 * A Redis and a ring of five whose data moves slowly, and what may happen to its members.
 *
 * @param patienceMs how long a change may take: data moves beside clients, who go first
 */
export async function startChanging(t: Teardown, patienceMs = 30_000) {
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

  /** Each takes back what it has done before, and resolves when it is over. */
  const changes = {
    /** A member leaves, or joins, with nothing. */
    async moves() {
      if (await isMember(COMES)) {
        await operator.ask('DT', 'REMOVE', COMES)
        await until(`${COMES} has left`, async () => !(await isMember(COMES)) && (await isQuiet()), patienceMs)
      } else {
        await proxy.ring.restart(COMES, { empty: true })
        await operator.ask('DT', 'ADD', COMES, `127.0.0.1:${proxy.ring.server(COMES).port}`)
        await until(`${COMES} has joined`, async () => (await isMember(COMES)) && (await isUp(COMES)), patienceMs)
      }
    },
    /** A member fails, or comes back. */
    async fails() {
      if (await isMember(FAILS)) {
        await proxy.ring.kill(FAILS)
        await declareDown(proxy.ring, FAILS)
        await until(`${FAILS} is out`, async () => !(await isMember(FAILS)) && (await isQuiet()), patienceMs)
      } else {
        await comeBack(proxy.ring, FAILS)
        await until(`${FAILS} is back`, async () => (await isMember(FAILS)) && (await isUp(FAILS)), patienceMs)
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
      await until(`${CUT} is up`, () => isUp(CUT), patienceMs)
    },
  }
  return { pair, operator, changes }
}
