import { command } from '../helpers/raw-client.js'
import { itemsOf, type Node, textOf } from '../helpers/raw-reply.js'
import { fieldsOf } from '../helpers/ring-state.js'
import type { ChaosRing } from './chaos-ring.js'
import { Connection } from './connection.js'
import { notServing } from './fronts.js'

const PATIENCE_MS = 3000

/**
 * What the proxy says about the ring, as to whether it has come to rest: all expected members are up and nothing has to be moved.
 * Gives what is missing for that, or undefined when it has.
 */
export async function unrest(ring: ChaosRing): Promise<string | undefined> {
  let connection: Connection | undefined
  try {
    connection = await Connection.open(ring.proxy.port)
    const open = connection
    const timer = setTimeout(() => open.close(`no answer within ${PATIENCE_MS} ms`), PATIENCE_MS)
    const commands = [command('HELLO', '3'), command('DT', 'VIEW'), command('DT', 'NODES')]
    const [, view, nodes] = await Promise.all(connection.send(Buffer.concat(commands), 3)).finally(() =>
      clearTimeout(timer),
    )
    const missing = judge(ring, fieldsOf(view), itemsOf(nodes).map(fieldsOf))
    const apart = missing === undefined ? await notServing(ring) : []
    return apart.length === 0 ? missing : `the proxies at ${apart.join(' and ')} do not serve`
  } catch (error) {
    return `the proxy does not tell: ${(error as Error).message}`
  } finally {
    connection?.close('asked')
  }
}

function judge(
  ring: ChaosRing,
  view: ReadonlyMap<string, Node>,
  nodes: readonly ReadonlyMap<string, Node>[],
): string | undefined {
  const expected = [...ring.expected].sort().join(' ')
  const members = itemsOf(view.get('members')!).map(textOf).sort().join(' ')
  if (members !== expected) return `the view has ${members} and not ${expected}`
  for (const node of nodes) {
    const field = (name: string) => textOf(node.get(name)!)
    if (ring.expected.has(field('name')) && field('state') !== 'up') {
      return `${field('name')} is ${field('state')}: ${field('why')}`
    }
  }
  const pending = textOf(view.get('pending-ranges')!)
  return pending === '0' ? undefined : `${pending} token ranges are on their way`
}
