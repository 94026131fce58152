import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { DROPPED, NOT_RESP } from '../checkers/honesty.js'
import { Client } from '../client.js'
import type { Plan } from '../commands.js'
import { History } from '../history.js'

const set = (value: string, key = 'k'): Plan => ({ workload: 'register', key, name: 'set', args: [value] })

/** A proxy that greets, and then answers whatever comes with these bytes, or ends the connection. */
async function start(t: Test, answer: string | undefined, harmed = false) {
  const sockets: Socket[] = []
  const net = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('+OK\r\n')
      socket.on('data', () => {
        if (answer === undefined) socket.destroy()
        else socket.write(answer)
      })
    })
  }).listen(0, '127.0.0.1')
  await once(net, 'listening')
  const { port } = net.address() as AddressInfo
  const history = new History()
  const client = new Client(3, 5, 2, () => ({ port, unharmedSince: () => !harmed }), history)
  t.teardown(() => {
    client.close('over')
    for (const socket of sockets) socket.destroy()
    net.close()
  })
  return { client, history }
}

t.test('what was answered is written down, with its database and its place in the pipeline', async (t) => {
  const { client, history } = await start(t, '+OK\r\n-ERR the command was not applied\r\n+OK\r\n')
  await client.send([set('c3.1'), set('c3.2', 'other'), set('c3.3')])
  const [first, second, third] = history.operations()
  t.match(first, { client: 3, key: '5/k', name: 'set', args: ['c3.1'], outcome: { kind: 'ok', value: 'OK' } })
  t.match(second, { key: '5/other', outcome: { kind: 'failed' } })
  t.equal(third.after, first.id)
  t.equal(second.after, undefined)
  t.ok(first.invokedMs <= first.returnedMs && first.returnedMs < Infinity)
  t.strictSame([history.size, history.failed, history.unknown], [3, 1, 0])
})

t.test('a connection that ends leaves the outcome open, and is the fault of a proxy that nobody harmed', async (t) => {
  for (const harmed of [false, true]) {
    const { client, history } = await start(t, undefined, harmed)
    await client.send([set('c3.1')])
    const reason = harmed ? 'the connection was closed' : DROPPED
    t.match(history.operations(), [{ returnedMs: Infinity, outcome: { kind: 'unknown', reason } }])
  }
})

t.test('bytes that are no reply are not taken for one', async (t) => {
  const { client, history } = await start(t, 'HTTP/1.1 200 OK\r\n\r\n')
  await client.send([set('c3.1')])
  const [{ outcome }] = history.operations()
  t.ok(outcome.kind === 'unknown' && outcome.reason.startsWith(NOT_RESP))
})

t.test('a reply too many ends the connection, and the next command takes a new one', async (t) => {
  const { client, history } = await start(t, '+OK\r\n+OK\r\n')
  await client.send([set('c3.1')])
  await client.send([set('c3.2')])
  t.strictSame(
    history.operations().map(({ outcome }) => outcome.kind),
    ['ok', 'ok'],
  )
})
