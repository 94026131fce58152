import { setTimeout as sleep } from 'node:timers/promises'
import type { RawClient } from '../helpers/raw-client.js'
import { type Arg, command } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/** What is still to come has this long. */
const REST_MS = 60

/**
 * A story of several clients, a step a line:
 *
 *     a~ BLPOP k 0             client a sends it, and waits
 *     w: RPUSH k x | LPOP k    client w sends both at once, and has the replies before the next step
 */
export interface Step {
  readonly client: string
  readonly waits: boolean
  readonly commands: readonly (readonly Arg[])[]
}

export function parseStory(story: string): Step[] {
  return story
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [, client, how, rest] = /^(\w+)([:~]) (.*)$/.exec(line)!
      return { client, waits: how === '~', commands: rest.split(' | ').map((each) => each.split(' ')) }
    })
}

/** What each client has heard in the end, in its order. */
export async function tell(
  steps: readonly Step[],
  connect: () => Promise<RawClient>,
  restMs = REST_MS,
): Promise<Record<string, string[]>> {
  const admin = await connect()
  const clients = new Map<string, RawClient>()
  const heard: Record<string, string[]> = {}
  const blocked = async () => Number(/blocked_clients:(\d+)/.exec((await admin.ask('INFO', 'clients')).toString())![1])
  /** How many wait. */
  let waiting = 0
  for (const { client: name, waits, commands } of steps) {
    let client = clients.get(name)
    if (client === undefined) clients.set(name, (client = await connect()))
    heard[name] ??= []
    client.send(Buffer.concat(commands.map((args) => command(...args))))
    const replies = commands.map(async () => {
      const reply = await client.reply().catch((error: Error) => error.message)
      heard[name].push(reply.toString())
      if (waits) waiting--
    })
    if (waits) waiting++
    if (waits) await until(`${name} waits`, async () => (await blocked()) === waiting, 3000)
    else await Promise.all(replies)
  }
  await sleep(restMs)
  const result = structuredClone(heard)
  for (const client of [...clients.values(), admin]) client.close()
  return result
}
