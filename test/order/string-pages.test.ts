import t from 'tap'
import type { Source } from '../../src/order/pieces/asking.js'
import { Budget } from '../../src/order/pieces/budget.js'
import { HIDDEN_NAME } from '../../src/order/pieces/hidden-name.js'
import { pagesOf } from '../../src/order/pieces/pages.js'
import { frameIn } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'

/** A string on a server, with the commands that read it. */
function sourceOf(value: Buffer): Source {
  const source = {
    reply: async () => value.length,
    piece: async (_command: string, from: string, to: string) => {
      const bytes = value.subarray(Number(from), Number(to) + 1)
      return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
    },
  }
  return source as unknown as Source
}

t.test('a large string has its room before its pieces are written, so that no piece makes it longer', async (t) => {
  for (const length of [1, 20_000, 20_001, 999_999]) {
    const value = Buffer.from(Array.from({ length }, (_, i) => (i * 7) % 256))
    let made = Buffer.alloc(0)
    let pieces = 0
    for await (const page of pagesOf('string', { source: sourceOf(value), bytes: length, budget: new Budget(1) })) {
      for (const frame of page) {
        const [name, key, offset, bytes] = parseRequest(frameIn(frame.buf))
        t.equal(String(name), 'SETRANGE')
        t.ok(key.equals(HIDDEN_NAME))
        const end = Number(offset) + bytes.length
        if (page.prepares !== undefined) {
          t.equal(pieces, 0)
          t.equal(page.prepares, length)
          t.equal(end, length)
        } else if (length > 20_000) t.ok(end <= made.length, 'it has its room')
        if (end > made.length) made = Buffer.concat([made, Buffer.alloc(end - made.length)])
        bytes.copy(made, Number(offset))
      }
      pieces++
    }
    t.ok(made.equals(value), `${length} bytes`)
    t.equal(pieces, length > 20_000 ? 1 + Math.ceil(length / 20_000) : 1)
  }
})
