import { identifierOfKey, identifierOfVirtualNode } from '../../src/ring/identifier.js'
import { RawClient } from '../helpers/raw-client.js'
import { type Held, type Snapshot, snapshot } from '../helpers/snapshot.js'

const VIRTUAL_NODES = 64

/** One key that is not where it belongs, or not the same everywhere. */
export interface Misplaced {
  /** `missing` on a replica, `extra` where it does not belong, or it `differs` from its master's. */
  readonly kind: 'missing' | 'extra' | 'differs'
  readonly key: string
  readonly member: string
  readonly text: string
}

/**
 * Where each key belongs, computed in the plainest way: its master and the next `replicas` different members clockwise
 * [design §2 G1]. Independent of the ring that the proxy uses.
 */
export function placement(names: readonly string[], replicas: number): (key: Buffer) => string[] {
  const tokens = names
    .flatMap((name) =>
      Array.from({ length: VIRTUAL_NODES }, (_, i) => ({ name, at: identifierOfVirtualNode(name, i) })),
    )
    .sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1))
  return (key) => {
    const identifier = identifierOfKey(key, 0, key.length)
    const first = tokens.findIndex(({ at }) => at >= identifier)
    const clockwise = first < 0 ? tokens : [...tokens.slice(first), ...tokens.slice(0, first)]
    return [...new Set(clockwise.map(({ name }) => name))].slice(0, replicas + 1)
  }
}

/** Reads what each member holds, directly. `members` by name, with their ports. */
export async function readMembers(members: ReadonlyMap<string, number>): Promise<Map<string, Snapshot>> {
  const held = new Map<string, Snapshot>()
  await Promise.all(
    [...members].map(async ([name, port]) => {
      const client = await RawClient.connect(port, 3)
      held.set(name, await snapshot(client))
      client.close()
    }),
  )
  return held
}

/** Compares the members' data with where they belong; keys whose deadline has passed belong nowhere. */
export function findMisplaced(
  held: ReadonlyMap<string, Snapshot>,
  replicas: number,
  nowMs: number,
): { keys: number; misplaced: Misplaced[] } {
  const replicasOf = placement([...held.keys()], replicas)
  const ids = new Set([...held.values()].flatMap((snapshot) => [...snapshot.keys()]))
  const misplaced: Misplaced[] = []
  let keys = 0
  for (const id of ids) {
    const holders = [...held].filter(([, snapshot]) => snapshot.has(id)).map(([name]) => name)
    const values = holders.map((name) => held.get(name)!.get(id)!)
    if (values.every(({ expiresAtMs }) => expiresAtMs >= 0 && expiresAtMs <= nowMs)) continue
    keys++
    const natural = replicasOf(Buffer.from(id.slice(id.indexOf(' ') + 1), 'latin1'))
    const where = `belongs to ${natural.join(' ')}, held by ${holders.join(' ')}`
    const found = (kind: Misplaced['kind'], member: string, text: string) =>
      misplaced.push({ kind, key: id, member, text })
    for (const name of natural) if (!holders.includes(name)) found('missing', name, where)
    for (const name of holders) if (!natural.includes(name)) found('extra', name, where)
    const master = held.get(natural[0])?.get(id) ?? values[0]
    for (const [i, name] of holders.entries()) {
      if (!natural.includes(name) || same(values[i], master)) continue
      found('differs', name, `${show(values[i])} on ${name}, ${show(master)} on ${natural[0]}`)
    }
  }
  return { keys, misplaced }
}

function same(a: Held, b: Held): boolean {
  return a.type === b.type && a.value === b.value && a.expiresAtMs === b.expiresAtMs
}

function show({ type, value, expiresAtMs }: Held): string {
  return `${type} ${value.slice(0, 120)} (${value.length} characters, expires ${expiresAtMs})`
}
