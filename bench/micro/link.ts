import { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { silentLogger } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { frameOf } from '../../src/resp/frame.js'
import { withServers } from '../compare/systems.js'
import type { Micro } from './measure.js'

/** So many commands are on their way at a time. */
const DEPTHS = [1, 16, 64]

/** Commands through a link to a Redis server: emission, the write, the read and the reply. */
export async function withLink<T>(task: (cases: readonly Micro[]) => Promise<T>): Promise<T> {
  return withServers(1, async ([server]) => {
    const options = {
      ...{ connectTimeoutMs: 2000, reconnectMinMs: 10, reconnectMaxMs: 100, pingIntervalMs: 60_000 },
      ...{ ringId: 'bench', runId: 'micro' },
    }
    let link!: Link
    await new Promise<void>((up, fail) => {
      link = new Link('micro', server.host, server.port, options, new Turn(), silentLogger(), {
        onUp: () => up(),
        onDown: (_link, reason) => fail(new Error(reason)),
      })
      link.start()
    })
    try {
      return await task(DEPTHS.map((depth) => emission(link, depth)))
    } finally {
      link.close()
    }
  })
}

function emission(link: Link, depth: number): Micro {
  const { buf, start, end } = frameOf(['SET', 'key:000000000000', 'x'.repeat(16)])
  return {
    name: `link: emission to reply, ${depth} at a time`,
    run: (times) =>
      new Promise((resolve, reject) => {
        const count = Math.ceil(times / depth)
        let left = count
        let unanswered = 0
        const sink: ReplySink = {
          onReply: () => {
            if (--unanswered > 0) return
            if (--left > 0) batch()
            else resolve(count * depth)
          },
          onLost: () => reject(new Error('the link broke')),
        }
        const batch = () => {
          unanswered = depth
          for (let i = 0; i < depth; i++) link.emit(buf, start, end, false, 0, sink, 0)
        }
        batch()
      }),
  }
}
