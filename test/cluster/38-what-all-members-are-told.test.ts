import t, { type Test } from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'

/*
 * What is loaded, and what is set, is told to all members. One of them stands still, with its connections open: each client waits
 * for that as long as any command does, and not as well for those who have come before it.
 */

const TIMEOUT_MS = 1000
const SOON_MS = 4000
const CLIENTS = 8
const SILENT = 'dt-2'

/** What each of many clients is told, who ask at the same moment, and how long the last one waited. */
async function allAsk(proxy: TestProxy, words: (i: number) => string[]): Promise<{ replies: string[]; ms: number }> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => proxy.connect()))
  const beganMs = performance.now()
  const replies = await Promise.all(clients.map(async (client, i) => String(await client.ask(...words(i)))))
  return { replies, ms: performance.now() - beganMs }
}

const library = (name: string) => `#!lua name=${name}\nredis.register_function('${name}_f', function() return 1 end)`

const stories: Record<string, (i: number) => string[]> = {
  'SCRIPT LOAD': (i) => ['SCRIPT', 'LOAD', `return ${i}`],
  'FUNCTION LOAD': (i) => ['FUNCTION', 'LOAD', library(`lib${i}`)],
  'CONFIG SET': (i) => ['CONFIG', 'SET', 'hz', String(11 + i)],
  'CONFIG REWRITE': () => ['CONFIG', 'REWRITE'],
}

/** What is told, or asked, of all members and needs the keys of none. */
const TOLD: readonly (readonly string[])[] = [
  ['CONFIG', 'RESETSTAT'],
  ['CONFIG', 'GET', 'hz'],
  ['CONFIG', 'SET', 'maxmemory-samples', '6'],
  ['INFO', 'everything'],
  ['SCRIPT', 'EXISTS', 'a'.repeat(40)],
  ['SCRIPT', 'FLUSH'],
  ['SCRIPT', 'KILL'],
  ['FUNCTION', 'STATS'],
  ['FUNCTION', 'LIST'],
  ['FUNCTION', 'DUMP'],
  ['FUNCTION', 'KILL'],
  ['FUNCTION', 'DELETE', 'lib0'],
  ['FUNCTION', 'FLUSH'],
  ['MEMORY', 'STATS'],
  ['MEMORY', 'DOCTOR'],
  ['MEMORY', 'PURGE'],
  ['LATENCY', 'LATEST'],
  ['LATENCY', 'RESET'],
  ['LATENCY', 'HISTOGRAM'],
  ['LATENCY', 'DOCTOR'],
  ['LASTSAVE'],
  ['BGSAVE'],
  ['BGREWRITEAOF'],
  ['SAVE'],
  ['MODULE', 'LIST'],
  ['COMMAND', 'COUNT'],
  ['COMMAND', 'DOCS', 'get'],
  ['ROLE'],
  ['WAIT', '1', '500'],
  ['DEBUG', 'JMAP'],
  ['DT', 'NODES'],
  ['DT', 'DOCTOR'],
  ['DT', 'MIGRATIONS'],
  ['DT', 'RELOAD'],
]

t.test('a member is silent: what is asked of all is answered soon', async (t) => {
  const proxy = await begin(t)
  proxy.ring.pause(SILENT)
  const asked = TOLD.map(async (words) => {
    const client = await proxy.connect()
    const beganMs = performance.now()
    const reply = (await client.ask(...words)).toString('latin1', 0, 200)
    return { what: words.join(' '), ms: performance.now() - beganMs, reply }
  })
  for (const { what, ms, reply } of await Promise.all(asked)) {
    t.ok(ms < SOON_MS, `${what}: ${Math.round(ms)} ms: ${reply}`)
    if (what === 'CONFIG RESETSTAT')
      t.match(reply, /^-ERR CONFIG RESETSTAT was not done by all servers.*dt-2 has not answered/)
  }
  proxy.ring.resume(SILENT)
})

async function begin(t: Test): Promise<TestProxy> {
  const proxy = await startProxy(t, {
    nodes: 3,
    sentinels: 1,
    downAfterMs: 60_000,
    config: { limits: { unavailableTimeoutMs: TIMEOUT_MS } },
  })
  const client = await proxy.connect()
  t.match(String(await client.ask('SCRIPT', 'LOAD', 'return 100')), /^\$40/)
  return proxy
}

t.test('a member is silent: nobody waits for it as often as there are others who do', async (t) => {
  const proxy = await begin(t)
  for (const [what, words] of Object.entries(stories)) {
    proxy.ring.pause(SILENT)
    const { replies, ms } = await allAsk(proxy, words)
    t.ok(ms < SOON_MS, `${what}: the last one waited for ${Math.round(ms)} ms`)
    for (const reply of replies) {
      t.match(
        reply,
        /^-CLUSTERDOWN .*was waited for 1000 ms.*the command was not applied|^-ERR the outcome of this write is unknown/,
        what,
      )
    }
    t.match(replies.join(), /not applied/, `${what}: those who had not begun know that nothing was done`)
    proxy.ring.resume(SILENT)
    const again = await allAsk(proxy, words)
    t.notOk(
      again.replies.some((reply) => /^-(?!ERR Library)/.test(reply)),
      `${what}: ${again.replies.join()}`,
    )
  }
})
