import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'

/*
 * Keyspace events that newer servers tell of: of a value that is overwritten, and of one of another type, from Redis 8.2 on.
 * `npm run test:newer` has such servers on the PATH; others refuse the letters, and so does the ring.
 */

const redis = await startRedis(t)
const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 })

/** What each command is answered, and what a listener has heard behind the last one. */
async function told(connect: () => Promise<RawClient>, commands: readonly string[]): Promise<readonly string[]> {
  const [client, listener] = [await connect(), await connect()]
  const answers: string[] = []
  await listener.ask('PSUBSCRIBE', '__key*', 'end')
  await listener.reply()
  for (const each of commands) answers.push(String(await client.ask(...each.split(' '))))
  await client.ask('PUBLISH', 'end', 'x')
  const heard: string[] = []
  for (let message = ''; !message.includes('end'); heard.push(message)) message = String(await listener.reply())
  for (const each of [client, listener]) each.close()
  return [...answers, ...heard]
}

const COMMANDS = ['DEL k', 'SET k 1', 'SET k 2', 'DEL k', 'LPUSH k a', 'SET k 1']

for (const classes of ['KEoc', 'KE$loc', 'KEAoc', 'Eo']) {
  t.test(`events of ${classes} are those of one server`, async (t) => {
    const set = `CONFIG SET notify-keyspace-events ${classes}`
    const commands = [set, 'CONFIG GET notify-keyspace-events', ...COMMANDS]
    t.same(await told(() => proxy.connect(), commands), await told(() => redis.connect(), commands))
  })
}
