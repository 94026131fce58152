import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { bulkOf, drawFrom } from '../helpers/large-values.js'
import { startProxy } from '../helpers/proxy.js'
import { type Arg, command } from '../helpers/raw-client.js'

/*
 * Large values are passed on in buffers that are used again (base/large-buffers): nobody may see another one's bytes,
 * whatever the sizes, how the bytes are cut, and how slowly they are taken.
 */

t.test('values of all sizes come back as they were, for clients at once and slow ones', async (t) => {
  const { connect } = await startProxy(t)
  let compared = 0
  const work = async (number: number) => {
    const client = await connect()
    const draw = drawFrom(number)
    const values = new Map<string, Buffer>()
    for (let round = 0; round < 12; round++) {
      const commands: Arg[][] = []
      const expected: Buffer[] = []
      for (let i = 0; i < 8; i++) {
        const key = `${number}:${draw(6)}`
        const known = values.get(key)
        if (known !== undefined && draw(2) === 0) {
          commands.push(['GET', key])
          expected.push(bulkOf(known))
        } else {
          const value = Buffer.alloc(draw(4) === 0 ? draw(2_000_000) : draw(100_000), `${number}-${round}-${i} `)
          values.set(key, value)
          commands.push(['SET', key, value])
          expected.push(Buffer.from('+OK\r\n'))
        }
      }
      const bytes = Buffer.concat(commands.map((args) => command(...args)))
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + draw(300_000)
        client.send(bytes.subarray(at, at + size))
        at += size
        if (draw(3) === 0) await sleep(1)
      }
      if (number % 3 === 0) {
        client.socket.pause()
        await sleep(20)
        client.socket.resume()
      }
      for (const each of expected) {
        const reply = await client.reply()
        compared++
        if (!reply.equals(each)) t.fail(`client ${number}, round ${round}: another reply of ${reply.length} bytes`)
      }
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, i) => work(i)))
  t.equal(compared, 8 * 12 * 8)
})

t.test('a client that has replies to take is read from again also when they leave at once', async (t) => {
  const { connect } = await startProxy(t, { config: { limits: { outputBufferPauseBytes: 20_000 } } })
  const client = await connect()
  const value = Buffer.alloc(50_000, 'v')
  const replies = await client.pipeline(Array.from({ length: 20 }, () => ['ECHO', value]))
  for (const reply of replies) t.ok(reply.equals(bulkOf(value)))
})

t.test('all replicas have the bytes of a large value', async (t) => {
  const { connect, connectTo, view } = await startProxy(t)
  const client = await connect()
  const digest = (bytes: Buffer) => createHash('sha1').update(bytes).digest('hex')
  const commands = Array.from({ length: 20 }, (_, i) => ['SET', `k${i}`, Buffer.alloc(50_000 * (i + 1), `value ${i} `)])
  for (const reply of await client.pipeline(commands)) t.equal(String(reply), '+OK\r\n')
  const wrong: string[] = []
  let copies = 0
  for (const { name } of view.members) {
    const member = await connectTo(name)
    for (const [, key, value] of commands) {
      const reply = await member.ask('GET', key)
      if (reply.equals(Buffer.from('$-1\r\n'))) continue
      copies++
      if (digest(reply) !== digest(bulkOf(value as Buffer))) wrong.push(`${key} on ${name}`)
    }
  }
  t.same(wrong, [])
  t.equal(copies, 60)
})
