import type { RawClient } from './raw-client.js'
import { itemsOf, type Node, readReply, textOf } from './raw-reply.js'
import { fieldsOf } from './ring-state.js'
import { until } from './until.js'

/** What DT VERIFY answers: its numbers and texts by name. */
export interface VerifyReply {
  readonly [field: string]: number | string | readonly string[]
  /** As `kind member db key`, the key in latin1. */
  readonly examples: readonly string[]
  readonly reasons: readonly string[]
}

/** DT VERIFY with these options, behind one that the proxy has begun by itself; fails when it is refused. */
export async function verify(client: RawClient, ...options: string[]): Promise<VerifyReply> {
  const bytes = await until(
    'no other verification runs',
    async () => {
      const reply = await client.ask('DT', 'VERIFY', ...options)
      return String(reply).includes('a verification runs already') ? undefined : reply
    },
    60_000,
  )
  const reply = readReply(bytes)
  if (reply.type === '-') throw new Error(textOf(reply))
  const fields = fieldsOf(reply)
  const texts = (name: string, text: (node: Node) => string) => itemsOf(fields.get(name)!).map(text).sort()
  const simple = [...fields].flatMap(([name, node]) =>
    'text' in node ? [[name, node.type === ':' ? Number(node.text) : node.text] as const] : [],
  )
  return {
    ...Object.fromEntries(simple),
    examples: texts('examples', (node) =>
      ['kind', 'member', 'db', 'key'].map((name) => fieldText(node, name)).join(' '),
    ),
    reasons: texts('reasons', textOf),
  }
}

function fieldText(node: Node, name: string): string {
  return textOf(fieldsOf(node).get(name)!)
}

/** The same for data that takes longer than a client waits for a reply: asks again and again how far it is. */
export async function verifyLong(client: RawClient, other: RawClient, patienceMs: number): Promise<VerifyReply> {
  // Its reply comes when it is through, and nobody waits for that.
  other.socket.write('DT VERIFY\r\n')
  return until(
    'all copies have been compared',
    async () => {
      if (String(await client.ask('DT', 'VERIFY', 'STATUS')) === '$-1\r\n') return undefined
      const report = await verify(client, 'STATUS')
      return report.state === 'running' ? undefined : report
    },
    patienceMs,
  )
}
