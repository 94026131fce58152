import t from 'tap'
import type { RawClient } from '../helpers/raw-client.js'
import { Pair } from './pair.js'

/*
 * Scripts that publish: each message goes out once, to whoever listens, with the count that Redis gives; and from its second call on a script
 * whose channels are arguments is executed once, from its third on one whose channels are always the same.
 */

const pair = await Pair.start(t)

/** How often servers have executed a script. */
async function executed(client: RawClient): Promise<number> {
  const stats = (await client.ask('INFO', 'commandstats')).toString()
  const calls = [...stats.matchAll(/cmdstat_evalsha:calls=(\d+)/g)].map(([, count]) => Number(count))
  return calls.reduce((sum, count) => sum + count, 0)
}

const SCRIPTS: Readonly<Record<string, readonly string[]>> = {
  'an argument': ["return {redis.call('incr',KEYS[1]), redis.call('publish',ARGV[1],'m')}", '1', 'n', 'news'],
  'a key': ["return {redis.call('incr',KEYS[1]), redis.call('spublish',KEYS[2],'m')}", '2', 'n', 'shard'],
  'always the same': [
    "redis.call('incr',KEYS[1]) return redis.call('publish','news',redis.call('get',KEYS[1]))",
    '1',
    'n',
  ],
  'two channels': [
    "redis.call('incr',KEYS[1]) return {redis.call('publish','news','a'), redis.call('publish',ARGV[1],'b')}",
    '1',
    'n',
    'other',
  ],
}

for (const [title, words] of Object.entries(SCRIPTS)) {
  t.test(`a script that publishes is executed once, and its messages go out once: ${title}`, async (t) => {
    await pair.flush()
    const { ours, theirs, close } = await pair.connect(2)
    const listeners = await pair.connect(2)
    const both = [
      [ours, listeners.ours],
      [theirs, listeners.theirs],
    ] as const
    const said = await Promise.all(
      both.map(async ([client, listener]) => {
        const seen: string[] = []
        for (const kind of [
          ['SUBSCRIBE', 'news'],
          ['PSUBSCRIBE', '*'],
          ['SSUBSCRIBE', 'shard'],
        ])
          seen.push((await listener.ask(...kind)).toString())
        for (let i = 0; i < 3; i++) seen.push((await client.ask('EVAL', ...words)).toString())
        // Whatever comes before the confirmation has been published before.
        listener.send(Buffer.from('SUBSCRIBE end\r\n'))
        for (;;) {
          const message = (await listener.reply()).toString()
          seen.push(message)
          if (message.includes('$3\r\nend\r\n')) return seen
        }
      }),
    )
    t.same(said[0], said[1])
    const before = await executed(ours)
    await ours.ask('EVAL', ...words)
    t.equal((await executed(ours)) - before, 1, 'once')
    t.same(await pair.dataFaults(0).then((faults) => faults.filter((fault) => !fault.startsWith('key "0 n"'))), [])
    close()
    listeners.close()
  })
}

t.test('names that are made anew each time do not displace those that are used again', async (t) => {
  await pair.flush()
  const { ours, close } = await pair.connect(2)
  const script =
    "local n=redis.call('incr',KEYS[1]) redis.call('publish',ARGV[1],'m') return redis.call('publish','job:'..n,'m')"
  const call = () => ours.ask('EVAL', script, '1', 'n', 'news')
  await call()
  const before = await executed(ours)
  for (let i = 0; i < 12; i++) t.equal(String(await call()), ':0\r\n')
  t.equal((await executed(ours)) - before, 24, 'each stops at the new name, and there alone')
  close()
})
