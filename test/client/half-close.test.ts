import t from 'tap'
import { endsAlike } from '../helpers/alike.js'
import { startProxy, startRedis } from '../helpers/proxy.js'

/* Who has said that nothing more comes from him is answered what he has asked before that for which he would wait. */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 })
const redis = await startRedis(t)

const WAITING = [
  'BLPOP nokey 1',
  'BLPOP nokey 0',
  'BLMOVE nokey other LEFT LEFT 1',
  'XREAD BLOCK 500 STREAMS nokey $',
  'WAIT 9 300',
]

for (const waiting of WAITING) {
  t.test(`replies before ${waiting} are there when the client ends`, async (t) => {
    for (const before of [[], ['SET a 1', 'GET a'], ['PING'], Array.from({ length: 20 }, (_, i) => `INCR n${i % 3}`)]) {
      for (const behind of [[], ['GET a', 'PING']]) {
        const lines = [...before, waiting, ...behind]
        const [ours, theirs] = [await proxy.connect(), await redis.connect()]
        const ends = endsAlike(t, ours, theirs, `${lines.join('\r\n')}\r\n`, lines.join(' | '))
        ours.end()
        theirs.end()
        await ends
      }
    }
  })
}
