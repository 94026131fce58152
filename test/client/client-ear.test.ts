import t from 'tap'
import { ClientEar } from '../../src/client/client-ear.js'
import type { Connection } from '../../src/client/connection.js'
import { LogLines } from '../helpers/log-lines.js'
import { until } from '../helpers/until.js'

/* Who is closed when something is published; who takes too little for too long is found by the sweeper. */

const LIMITS = { hardBytes: 1000, softBytes: 100, softMs: 1 }

/** A client that listens, and takes what it is given when the test says so. */
function listening() {
  const { log, lines } = new LogLines()
  const given: string[] = []
  const take = (bytes: Buffer) => {
    client.pendingBytes += bytes.length
    given.push(String(bytes))
  }
  const client = {
    ...{ address: 'somebody', deaf: false, session: { proto: 2, aside: undefined as Buffer[] | undefined } },
    ...{ pendingBytes: 0, isClosed: false },
    queue: { length: 0, push: (bytes: Buffer) => take(bytes) },
    outbox: { appendLast: (buf: Buffer, start: number, end: number) => take(buf.subarray(start, end)) },
    drop: () => (client.isClosed = true),
  }
  return { client, given, lines, ear: new ClientEar(client as unknown as Connection, LIMITS, log) }
}

t.test('who has taken all is not closed for what comes long after', async (t) => {
  const { client, ear } = listening()
  for (let times = 0; times < 3; times++) {
    ear.push(Buffer.alloc(500))
    client.pendingBytes = 0
    const sinceMs = performance.now()
    await until('longer than the soft limit allows', () => performance.now() - sinceMs > 2 * LIMITS.softMs)
  }
  t.notOk(client.isClosed)
})

t.test('who has too much to take is closed at once', async (t) => {
  const { client, lines, ear } = listening()
  ear.push(Buffer.alloc(999))
  t.notOk(client.isClosed)
  ear.push(Buffer.alloc(1))
  t.ok(client.isClosed)
  t.match(lines, [{ event: 'client-too-slow', bytes: 1000 }])
})

t.test('bytes in two places are put together where they have to be kept', async (t) => {
  const { client, given, lines, ear } = listening()
  const text = Buffer.from('...text...')
  ear.pushBehind(Buffer.from('head '), text, 3, 7)
  t.strictSame(given, ['head ', 'text'])
  client.queue.length = 1
  ear.pushBehind(Buffer.from('head '), text, 3, 7)
  t.strictSame(given.slice(2), ['head text'])
  const aside: Buffer[] = []
  client.session.aside = aside
  ear.pushBehind(Buffer.from('head '), text, 3, 7)
  text.fill('-')
  t.strictSame(aside.map(String), ['head text'])
  client.session.aside = undefined
  client.queue.length = 0
  ear.pushBehind(Buffer.alloc(500), Buffer.alloc(500), 0, 500)
  t.ok(client.isClosed)
  t.match(lines, [{ event: 'client-too-slow' }])
})
