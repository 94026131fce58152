import type { Endpoint } from '../backend/single-connection.js'
import { UserError } from '../base/user-error.js'
import { elementsOf, integerOf, textOf } from '../resp/decode.js'
import { isError } from '../resp/encode.js'
import { KeySet } from './key-set.js'
import { infoOf, Node } from './node.js'

/** Somewhere data comes from: a server, or one of the nodes of a cluster. */
export interface Origin {
  readonly endpoint: Endpoint
  /** The only database that is meant. */
  readonly db: number | undefined
}

/**
 * Connects to all of them; of a cluster to every master.
 *
 * @throws UserError
 */
export async function openSources(origins: readonly Origin[]): Promise<Node[]> {
  const nodes: Node[] = []
  try {
    for (const { endpoint, db } of origins) {
      const mine = new KeySet()
      const first = await Node.open(endpoint, mine, db)
      nodes.push(first)
      const info = await infoOf(first.server)
      if (info.get('cluster_enabled') !== '1') continue
      nodes.pop()
      for (const place of await mastersOf(first)) nodes.push(await Node.open({ ...endpoint, ...place }, mine, db))
      first.close()
    }
    return nodes
  } catch (error) {
    for (const node of nodes) node.close()
    throw error
  }
}

/** The masters of a cluster that have slots. */
async function mastersOf({ server, endpoint }: Node): Promise<{ host: string; port: number }[]> {
  const reply = await server.one('CLUSTER', 'SLOTS')
  if (isError(reply)) throw new UserError(`${server.whom} does not tell its cluster's nodes: ${reply.message}`)
  const masters = new Map<string, { host: string; port: number }>()
  let slots = 0
  for (const entry of elementsOf(reply) ?? []) {
    const [from = null, to = null, master = null] = elementsOf(entry) ?? []
    slots += Number(integerOf(to)) - Number(integerOf(from)) + 1
    const [address = null, port = null] = elementsOf(master) ?? []
    const place = { host: textOf(address) || endpoint.host, port: Number(integerOf(port)) }
    masters.set(`${place.host}:${place.port}`, place)
  }
  if (slots !== 16_384)
    throw new UserError(`the cluster of ${server.whom} serves ${slots} of 16384 slots: the rest cannot be copied`)
  return [...masters.values()]
}
