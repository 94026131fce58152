import fc from 'fast-check'
import t from 'tap'
import { AnnouncedReader } from '../../src/client/announced.js'
import type { Peer } from '../../src/client/peer.js'
import { proxyHeader } from '../../src/client/proxy-header.js'

/* What a balancer says of a connection: the PROXY protocol, versions 1 and 2. */

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

function binary(command: number, family: number, body: Buffer): Buffer {
  const head = Buffer.from([command, family, body.length >> 8, body.length & 255])
  return Buffer.concat([SIGNATURE, head, body])
}

const port = fc.integer({ min: 1, max: 65_535 })
const ports = (from: number, to: number) => [from >> 8, from & 255, to >> 8, to & 255]

/** A valid header, and who it says the client is. */
const valid = fc.oneof(
  fc
    .tuple(fc.ipV4(), fc.ipV4(), port, port)
    .map(([a, b, c, d]) => ({ bytes: Buffer.from(`PROXY TCP4 ${a} ${b} ${c} ${d}\r\n`), address: `${a}:${c}` })),
  port.map((p) => ({
    bytes: Buffer.from(`PROXY TCP6 2001:db8:0:0::7 ::1 ${p} 6380\r\n`),
    address: `[2001:db8::7]:${p}`,
  })),
  fc
    .tuple(fc.array(fc.nat(255), { minLength: 8, maxLength: 8 }), port, port, fc.uint8Array({ maxLength: 300 }))
    .map(([hosts, c, d, more]) => ({
      bytes: binary(0x21, 0x11, Buffer.from([...hosts, ...ports(c, d), ...more])),
      address: `${hosts.slice(0, 4).join('.')}:${c}`,
    })),
  port.map((p) => ({
    bytes: binary(0x21, 0x21, Buffer.from([0x20, 1, ...Array(13).fill(0), 9, ...Array(16).fill(1), ...ports(p, 1)])),
    address: `[2001::9]:${p}`,
  })),
)

t.test('however it is cut, the client is who was announced, and gets the bytes behind it', async (t) => {
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(valid, fc.uint8Array({ maxLength: 100 }), cuts, ({ bytes, address }, rest, cuts) => {
      const got: Buffer[] = []
      const seen: (Peer | undefined)[] = []
      const reader = new AnnouncedReader({
        wrong: (fault) => t.fail(fault),
        announced: (peer) => {
          seen.push(peer)
          const receive = (buffer: Buffer, size: number) => {
            got.push(Buffer.from(buffer.subarray(0, size)))
            return true
          }
          return { receive, room: () => undefined, filled: () => true }
        },
      })
      const all = Buffer.concat([bytes, rest])
      for (let at = 0, i = 0; at < all.length; i++) {
        const size = Math.min(cuts[i % cuts.length], all.length - at)
        reader.receive(all.subarray(at, at + size), size)
        at += size
      }
      return seen.length === 1 && seen[0]?.address === address && Buffer.concat(got).equals(Buffer.from(rest))
    }),
    { numRuns: 300 },
  )
})

t.test('any bytes are a header, none, or the beginning of one that has an end', async () => {
  const starts = fc.constantFrom(Buffer.from('PROXY '), SIGNATURE, Buffer.alloc(0))
  fc.assert(
    fc.property(starts, fc.uint8Array({ maxLength: 200 }), (start, more) => {
      const bytes = Buffer.concat([start, more])
      const header = proxyHeader(bytes)
      return header !== undefined || bytes.length < 107 || (start === SIGNATURE && bytes.length < 4096)
    }),
  )
})

t.test('a balancer may speak for itself; what is not valid is refused', async (t) => {
  const local = [Buffer.from('PROXY UNKNOWN\r\n'), binary(0x20, 0, Buffer.alloc(0)), binary(0x21, 0, Buffer.alloc(3))]
  for (const bytes of local) t.same(proxyHeader(bytes), { length: bytes.length, peer: undefined })
  const none = ['PING\r\n', '*1\r\n', '\r\nPING\r\n', 'PROXX']
  for (const text of none)
    t.same(proxyHeader(Buffer.from(text)), { fault: 'its first bytes are no PROXY header' }, text)
  const wrong = [
    ...[
      'TCP4 1.2.3.4 1.2.3.4 0 1',
      'TCP4 1.2.3 1.2.3.4 1 1',
      'TCP4 ::1 ::1 1 1',
      'TCP6 1.2.3.4 ::1 1 1',
      'TCP6 fe80::1%eth0 ::1 1 1',
      'UDP4',
    ],
    ...['TCP4 1.2.3.4 1.2.3.4 1 65536', 'TCP4 1.2.3.4 1.2.3.4 01 1', 'TCP4 1.2.3.4 1.2.3.4 1 1 1', '', 'x'.repeat(200)],
  ].map((text) => Buffer.from(`PROXY ${text}\r\n`))
  const binaries = [
    binary(0x11, 0x11, Buffer.alloc(12, 1)),
    binary(0x21, 0x11, Buffer.alloc(11, 1)),
    binary(0x21, 0x12, Buffer.alloc(12, 1)),
    binary(0x21, 0x11, Buffer.alloc(5000, 1)),
    binary(0x21, 0x11, Buffer.alloc(12, 0)),
  ]
  for (const bytes of [...wrong, ...binaries]) {
    t.same(proxyHeader(bytes), { fault: 'its PROXY header is not valid' }, bytes.toString('latin1', 0, 60))
  }
})

t.test('one of IPv4 that is written as one of IPv6 is the same client', async (t) => {
  const mapped = Buffer.from([...Array(10).fill(0), 255, 255, 127, 0, 0, 1])
  for (const bytes of [
    Buffer.from('PROXY TCP6 ::ffff:127.0.0.1 ::ffff:7f00:1 7 8\r\n'),
    binary(0x21, 0x21, Buffer.concat([mapped, mapped, Buffer.from([0, 7, 0, 8])])),
  ]) {
    const peer = { address: '127.0.0.1:7', localAddress: '127.0.0.1:8' }
    t.same(proxyHeader(bytes), { length: bytes.length, peer })
  }
  const other = Buffer.from('PROXY TCP6 ::ffff:1:2:3 ::1 7 8\r\n')
  t.match(proxyHeader(other), { peer: { address: '[::ffff:1:2:3]:7' } })
})
