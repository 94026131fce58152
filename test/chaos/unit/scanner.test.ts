import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t, { type Test } from 'tap'
import { until } from '../../helpers/until.js'
import { Scanner } from '../scanner.js'

/** A server that answers each SCAN with the next of these replies, and then begins anew. */
async function scanned(t: Test, replies: readonly string[], staying: readonly string[]) {
  let asked = 0
  const net = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => socket.write(replies[asked++ % replies.length]))
  }).listen(0, '127.0.0.1')
  await once(net, 'listening')
  const { port } = net.address() as AddressInfo
  const complaints: string[] = []
  const scanner = new Scanner(
    () => ({ port, unharmedSince: () => true }),
    staying,
    10,
    (text) => complaints.push(text),
  )
  const running = scanner.run()
  t.teardown(async () => {
    scanner.stop()
    await running
    net.close()
  })
  return { scanner, complaints }
}

function page(cursor: string, ...keys: string[]): string {
  const bulks = keys.map((key) => `$${key.length}\r\n${key}\r\n`)
  return `*2\r\n$${cursor.length}\r\n${cursor}\r\n*${keys.length}\r\n${bulks.join('')}`
}

t.test('a walk that gives every key that stays, on whichever page, is right', async (t) => {
  const pages = [page('7', 'a', 'x'), '-CLUSTERDOWN for a while\r\n', page('9'), page('0', 'b', 'a')]
  const { scanner, complaints } = await scanned(t, pages, ['a', 'b'])
  await until('some walks', () => scanner.walks > 3)
  t.strictSame(complaints, [])
})

t.test('an error for the first question of a walk is not its end', async (t) => {
  const pages = ['-CLUSTERDOWN for a while\r\n', page('7', 'a', 'x'), page('0', 'b')]
  const { scanner, complaints } = await scanned(t, pages, ['a', 'b'])
  await until('some walks', () => scanner.walks > 3)
  t.strictSame(complaints, [])
})

t.test('a key that is missed is found', async (t) => {
  const { complaints } = await scanned(t, [page('7', 'a'), page('0', 'x')], ['a', 'b'])
  await until('a complaint', () => complaints.length > 0)
  t.match(complaints[0], /missed 1 of 2 keys that stay, as "b"/)
})

t.test('a walk that does not end is found', async (t) => {
  const { complaints } = await scanned(t, [page('7', 'a')], ['a'])
  await until('a complaint', () => complaints.length > 0)
  t.match(complaints[0], /has not come to its end/)
})
