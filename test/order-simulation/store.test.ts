import t from 'tap'
import { Random } from '../chaos/random.js'
import { RawConnection, RealRedis } from '../helpers/real-redis.js'
import { drawSettings, KINDS } from './settings.js'
import { Store } from './store.js'
import { Workload } from './workload.js'

/** What comes in no order is compared in one. */
function sorted(reply: string): string {
  return /^[~%]/.test(reply) ? reply.split('\r\n').sort().join('\r\n') : reply
}

t.test('the store answers as a Redis does', async (t) => {
  const redis = await RealRedis.start()
  t.teardown(() => redis.stop())
  const connection = await RawConnection.open(redis.port, 3)
  t.teardown(() => connection.close())
  const kinds = KINDS.filter((kind) => kind !== 'claim')
  const settings = { ...drawSettings(1), kinds, tags: ['a'], databases: 1 }
  const workload = new Workload(settings, new Random(7, 'workload'))
  /** What the Redis has popped. */
  let popped = ''
  const store: Store = new Store(
    {
      nowMs: () => Date.now(),
      expired: () => {},
      choose: () => Math.max(0, candidates.indexOf(popped)),
    },
    1,
  )
  let candidates: readonly string[] = []
  let compared = 0
  for (let i = 0; i < 3000; i++) {
    const { args } = workload.next(Date.now())
    // Whether a near deadline has passed is a matter of a millisecond.
    if (args.includes('PX') || args[0] === 'PEXPIRE' || args[0] === 'FLUSHALL') continue
    if (args[0] === 'PEXPIREAT' && Number(args[2]) < Date.now() + 10_000) continue
    const reply = (await connection.ask(...args)).toString('latin1')
    candidates = store.databases[0].get(args[1])?.items ?? []
    popped = reply.split('\r\n')[1] ?? ''
    t.equal(sorted(store.execute(args, 0)), sorted(reply), args.join(' '))
    compared++
  }
  t.ok(compared > 2000)
})
