import type { RawClient } from './raw-client.js'
import { itemsOf, type Node, readReply, textOf } from './raw-reply.js'
import { until } from './until.js'

/** The fields of one reply of DT, a map or flat, by name. */
export function fieldsOf(node: Node): Map<string, Node> {
  const items = itemsOf(node)
  return new Map(Array.from({ length: items.length / 2 }, (_, i) => [textOf(items[2 * i]), items[2 * i + 1]]))
}

/** What DT NODES says of each known server: `up`, `suspect` or `out`, by name. */
export async function nodeStates(client: RawClient): Promise<Record<string, string>> {
  const nodes = itemsOf(readReply(await client.ask('DT', 'NODES'))).map(fieldsOf)
  return Object.fromEntries(nodes.map((node) => [textOf(node.get('name')!), textOf(node.get('state')!)]))
}

/** The members of the view, in the order of their names: `dt-1 dt-2`. */
export async function membersOf(client: RawClient): Promise<string> {
  const view = fieldsOf(readReply(await client.ask('DT', 'VIEW')))
  return itemsOf(view.get('members')!).map(textOf).join(' ')
}

/** Names of the replicas of a key, the master first. */
export async function replicasOf(client: RawClient, key: Buffer | string): Promise<string[]> {
  const located = fieldsOf(readReply(await client.ask('DT', 'LOCATE', key)))
  return itemsOf(located.get('replicas')!).map((replica) => textOf(fieldsOf(replica).get('name')!))
}

/** A key whose replicas are exactly these, the master first. */
export async function keyOn(client: RawClient, name: string, ...members: string[]): Promise<string> {
  for (let i = 0; ; i++) {
    if (String(await replicasOf(client, `${name}:${i}`)) === String(members)) return `${name}:${i}`
  }
}

/** A number of the section `# DT` of INFO. */
export async function counter(client: RawClient, name: string): Promise<number> {
  const info = String(await client.ask('INFO', 'dt'))
  const value = new RegExp(`^dt_${name}:(\\d+)\\r$`, 'm').exec(info)?.[1]
  if (value === undefined) throw new Error(`INFO has no dt_${name}: ${info}`)
  return Number(value)
}

/** A server that joins may be up before it has what it is to hold: whoever asks it by itself waits for this. */
export async function untilFilled(client: RawClient, name: string): Promise<void> {
  await until(`${name} is up`, async () => (await nodeStates(client))[name] === 'up')
  await until('it has been filled', async () => (await counter(client, 'pending_ranges')) === 0)
}

/** So many small replies let a client begin its pipelines with all the commands that may be on their way. */
export async function getSmallReplies(client: RawClient): Promise<void> {
  await client.pipeline(Array.from({ length: 512 }, () => ['EXISTS', 'small']))
}

/** Commands that were emitted to a member and not answered. */
export async function outstanding(client: RawClient, member: string): Promise<number> {
  const info = String(await client.ask('INFO', 'dt'))
  return Number(new RegExp(`name=${member},.*outstanding=(\\d+)`).exec(info)?.[1])
}

/** Keys by their replicas: `count` of those whose `place`-th replica (0 is the master) is `member`. */
export async function keysAt(client: RawClient, member: string, place: number, count: number): Promise<string[]> {
  const keys: string[] = []
  for (let i = 0; keys.length < count; i++) {
    const key = `key:${i}`
    if ((await replicasOf(client, key))[place] === member) keys.push(key)
  }
  return keys
}
