import fc from 'fast-check'
import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { keyId } from '../../src/base/key-id.js'
import { keysIn, walkRanges } from '../../src/migration/range-walk.js'
import { WalkError, walkKeys } from '../../src/migration/walk.js'
import { encodeReply, VerbatimReply } from '../../src/resp/encode.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { RangeSet } from '../../src/ring/range-set.js'

t.test('a reply to SCAN is searched for the keys of some ranges, whatever bytes they are made of', async (t) => {
  const key = fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes))
  const point = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.array(key), point, point, (cursor, keys, from, to) => {
      const ranges = new RangeSet([{ from, to }])
      const reply = encodeReply([String(cursor), keys], 3)
      const around = Buffer.concat([Buffer.from('+OK\r\n'), reply, Buffer.from('+OK\r\n')])
      const inRange = keys.filter((key) => ranges.has(identifierOfKey(key, 0, key.length)))
      t.same(keysIn(around, 5, 7, ranges), {
        cursor: String(cursor),
        found: inRange.map((key) => keyId(7, key, 0, key.length)),
      })
    }),
  )
})

/** A server with a thousand keys, of which a SCAN gives one; between two it may become another process. */
class Server {
  readonly name = 'dt-1'
  readonly ready = true
  info = { runId: 'first' }
  private scans = 0

  async call([command]: readonly string[]) {
    if (command === 'INFO') return new VerbatimReply('txt', Buffer.from('db0:keys=1000,expires=0\r\n'))
    return this.scanned()
  }

  emitFrame(_frame: unknown, _db: number, sink: ReplySink): void {
    const reply = encodeReply(this.scanned(), 3)
    setImmediate(() => sink.onReply(0, reply, 0, reply.length, 0))
  }

  private scanned() {
    return [Buffer.from(String(++this.scans % 1000)), [Buffer.from(`key:${this.scans}`)]]
  }
}

const everything = new RangeSet([{ from: 0, to: 0 }])
const oneByOne = {
  piece: { keys: 1, bytes: 1, scanned: 1 },
  slice: <T>(work: () => Promise<T>) => work(),
}
const walks = {
  'a walk over all keys': (link: Link) => walkKeys(link),
  'a walk over the keys of some ranges': (link: Link) => walkRanges(link, everything, oneByOne),
}

for (const [name, walk] of Object.entries(walks)) {
  t.test(`${name} does not go on in another process, where its cursor leads nowhere`, async (t) => {
    const server = new Server()
    let batches = 0
    const all = async () => {
      for await (const _ of walk(server as unknown as Link)) if (++batches === 10) server.info = { runId: 'second' }
    }
    await t.rejects(all(), new WalkError('dt-1 has restarted'))
    t.ok(batches < 13)
  })

  t.test(`${name} comes to its end in one`, async (t) => {
    let batches = 0
    for await (const _ of walk(new Server() as unknown as Link)) batches++
    t.ok(batches > 900)
  })
}
