import t from 'tap'
import { within } from '../../src/base/within.js'
import { cases } from '../conformance/cases/index.js'
import { parseScript } from '../conformance/script.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { limitStrings } from '../helpers/string-limit.js'

/*
 * An argument may have 512 MB, which is more than a string can have: in the place of each word of each command of the conformance
 * cases, one after the other, stands one from which no string can be made. Whatever Redis says of that, the proxy says nothing of itself.
 */

const LIMIT = 100_000
/** Text, a number, nothing to C, a pattern: what is read of them may be different things. */
const HUGE = ['x', '9', '\0', '*'].map((byte) => Buffer.alloc(LIMIT + 1, byte))
/** Commands that wait have an answer later. */
const PATIENCE_MS = 200
/** So many are under way. */
const AT_ONCE = 16
/** A server's own text, which is longer. */
const LONG_ANSWER = /^memory$/i

/** Every command once for each of its words. */
function* forms(script: string, seen: Set<string>): Generator<{ readonly form: string; readonly words: Buffer[] }> {
  for (const { args, way } of parseScript(script)) {
    if (way === 'silent' || LONG_ANSWER.test(String(args[0]))) continue
    for (let i = 0; i < args.length; i++) {
      const form = args.with(i, Buffer.from('HUGE')).map((arg) => arg.toString('latin1', 0, 40))
      // What stands behind it matters little, what stands before it says how far it is looked at.
      const kind = `${form
        .slice(0, i + 1)
        .join(' ')
        .toLowerCase()} … ${args.length}`
      if (seen.has(kind)) continue
      seen.add(kind)
      yield { form: form.join(' '), words: args.with(i, HUGE[seen.size % HUGE.length]) }
    }
  }
}

async function tell(proxy: TestProxy, words: readonly Buffer[]): Promise<string> {
  const client: RawClient = await proxy.connect()
  const reply = await within(
    client.ask(...words).catch((error: Error) => Buffer.from(`closed: ${error.message}`)),
    PATIENCE_MS,
  )
  client.close()
  return reply === undefined ? 'late' : reply.toString('latin1', 0, 300)
}

t.test('of no word of any command a string is made', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, downAfterMs: 60_000, log: lines.log })
  const client = await proxy.connect()
  limitStrings(t, LIMIT)
  const seen = new Set<string>()
  const wrong: string[] = []
  for (const script of Object.values(cases)) {
    // So that there is something where it is looked.
    for (const { args } of parseScript(script))
      if (/^(set|rpush|[hsxz]add|hset)$/i.test(String(args[0]))) await client.ask(...args)
    const rest = forms(script, seen)
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const { form, words } of rest) {
          const reply = await tell(proxy, words)
          if (/internal error|closed: /.test(reply)) wrong.push(`${form}: ${reply}`)
        }
      }),
    )
  }
  t.same(wrong.slice(0, 20), [])
  t.same(
    lines.lines
      .filter(({ level }) => level >= 50)
      .map(({ msg, err }) => `${msg}: ${(err as Error | undefined)?.stack}`),
    [],
  )
  t.ok(seen.size > 3000, `${seen.size} forms`)
})
