import t from 'tap'
import { command, type RawClient } from '../helpers/raw-client.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

const MEGABYTE = 1024 * 1024

/** One client's line of CLIENT LIST as numbers by field. */
async function clientLine(watcher: RawClient, name: string): Promise<Record<string, number>> {
  const list = String(await watcher.ask('CLIENT', 'LIST'))
  const line = list.split('\n').find((each) => each.includes(` name=${name} `)) ?? ''
  return Object.fromEntries([...line.matchAll(/([a-z-]+)=(\S*)/g)].map(([, field, value]) => [field, Number(value)]))
}

/** A client that does not take what it is sent. */
async function deafClient(serve: ServeProcess, name: string): Promise<RawClient> {
  const client = await serve.connect()
  await client.ask('CLIENT', 'SETNAME', name)
  client.socket.pause()
  return client
}

t.test('memory stays bounded, whatever clients do', async (t) => {
  const serve = await ServeProcess.start(
    t,
    { nodes: 3, downAfterMs: 60_000 },
    { 'limits.outputBufferHardBytes': '64mb' },
  )
  const watcher = await serve.connect()
  await watcher.ask('SET', 'large', Buffer.alloc(MEGABYTE, 'x'))
  await watcher.ask('SET', 'small', Buffer.alloc(1000, 'x'))
  const { rssBytes: atStart } = serve.memory()
  const grown = () => Math.round((serve.memory().peakBytes - atStart) / MEGABYTE)
  t.comment(`${Math.round(atStart / MEGABYTE)} MB at the start`)

  await t.test('clients that never read are not read from', async (t) => {
    const deaf: RawClient[] = []
    for (let i = 0; i < 10; i++) deaf.push(await deafClient(serve, `deaf-${i}`))
    const batch = Buffer.concat(Array.from({ length: 1000 }, () => command('GET', 'small')))
    for (const client of deaf) for (let i = 0; i < 100; i++) client.send(batch)
    for (let i = 0; i < deaf.length; i++) {
      await until(`deaf-${i} owes`, async () => (await clientLine(watcher, `deaf-${i}`)).omem >= MEGABYTE)
    }
    // 1 GB of replies was asked for.
    t.ok(grown() < 200, `grown by ${grown()} MB`)
    deaf[0].socket.resume()
    for (let i = 0; i < 100_000; i++) {
      const reply = await deaf[0].reply()
      if (reply.length !== 1009) t.fail(`reply ${i} has ${reply.length} bytes`)
    }
    t.pass('one that reads after all gets every reply')
    for (const client of deaf) client.close()
    await until('they are gone', async () => !String(await watcher.ask('CLIENT', 'LIST')).includes('deaf'))
  })

  await t.test('of large replies that are not read some MB are asked for, and let go with their client', async (t) => {
    for (let round = 0; round < 8; round++) {
      const client = await deafClient(serve, 'deaf')
      client.send(Buffer.concat(Array.from({ length: 50 }, () => command('GET', 'large'))))
      await until('some are there', async () => (await clientLine(watcher, 'deaf')).omem >= MEGABYTE)
      t.ok((await clientLine(watcher, 'deaf')).omem < 8 * MEGABYTE)
      if (round === 0) {
        client.socket.resume()
        for (let i = 0; i < 50; i++) t.equal((await client.reply()).length, MEGABYTE + 12)
      }
      client.close()
      await until('it is gone', async () => !String(await watcher.ask('CLIENT', 'LIST')).includes('name=deaf'))
    }
    t.ok(grown() < 250, `grown by ${grown()} MB`)
  })

  await t.test('beyond the hard limit the client is closed, and the log says so', async (t) => {
    const client = await deafClient(serve, 'deaf')
    client.send(command('MGET', ...new Array<string>(80).fill('large')))
    await until('it is gone', async () => !String(await watcher.ask('CLIENT', 'LIST')).includes('name=deaf'))
    // The log comes through a pipe of its own, perhaps after the answer.
    await until('the log says so', async () => serve.output.includes('client exceeds the output buffer limit: closed'))
    t.ok(grown() < 500, `grown by ${grown()} MB`)
  })

  await t.test('what is announced takes no memory before it comes', async (t) => {
    const before = serve.memory().rssBytes
    for (let i = 0; i < 200; i++) {
      const client = await serve.connect()
      client.send('*1048576\r\n$536870912\r\nfirst bytes')
    }
    t.equal(String(await watcher.ask('PING')), '+PONG\r\n')
    const more = Math.round((serve.memory().rssBytes - before) / MEGABYTE)
    t.ok(more < 60, `grown by ${more} MB`)
  })

  await t.test('clients that leave in the middle of everything leave nothing behind', async (t) => {
    const value = Buffer.alloc(100_000, 'v')
    for (let i = 0; i < 150; i++) {
      const client = await serve.connect()
      client.send(
        Buffer.concat([
          command('SET', 'k', value),
          command('GET', 'large'),
          command('SET', 'k', value).subarray(0, 50_000),
        ]),
      )
      if (i % 3 === 0) client.socket.resetAndDestroy()
      else client.close()
    }
    await until('they are gone', async () =>
      String(await watcher.ask('INFO', 'clients')).includes('connected_clients:201'),
    )
    t.ok(grown() < 500, `grown by ${grown()} MB`)
  })

  await t.test('a server that stands still holds up its clients, not the proxy', async (t) => {
    const value = Buffer.alloc(10_000, 'v')
    const batch = Buffer.concat(Array.from({ length: 4000 }, (_, i) => command('SET', `k${i}`, value)))
    const writers = [await serve.connect(), await serve.connect(), await serve.connect()]
    // A new client has little under way before something is known of its replies.
    for (const writer of writers) await writer.pipeline(Array.from({ length: 300 }, () => ['SET', 'small', 'v']))
    serve.ring.pause('dt-1')
    for (const writer of writers) writer.send(batch)
    // 40 MB of each are on their way, of which as many commands are taken as a pipeline may begin with.
    const full = async () =>
      (String(await watcher.ask('CLIENT', 'LIST')).match(/argv-mem=1[23]\d{5} /g)?.length ?? 0) >= 3
    await until('everybody waits', full)
    t.ok(grown() < 500, `grown by ${grown()} MB`)
    serve.ring.resume('dt-1')
    for (const writer of writers) {
      for (let i = 0; i < 4000; i++) {
        const reply = await writer.reply()
        if (reply.toString() !== '+OK\r\n') t.fail(`a write was answered by ${reply}`)
      }
    }
    t.pass('and all are served when it goes on')
  })

  t.ok(serve.alive)
})
