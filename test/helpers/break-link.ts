import { setTimeout as sleep } from 'node:timers/promises'
import { Random } from '../chaos/random.js'
import type { TestProxy } from './proxy.js'
import type { RawClient } from './raw-client.js'

/** The id of the proxy's connection to a server, over whose own `member` is asked. */
export async function linkIdOn(member: RawClient): Promise<string | undefined> {
  return /^id=(\d+) .* name=dt:/m.exec(String(await member.ask('CLIENT', 'LIST')))?.[1]
}

/** Ends the proxy's connection to a server, which has to be there. */
export async function breakLink(member: RawClient): Promise<void> {
  const id = await linkIdOn(member)
  if (id === undefined) throw new Error('the proxy has no connection to it')
  await member.ask('CLIENT', 'KILL', 'ID', id)
}

/** The same where it may be broken already: whether there was one to end. */
export async function breakLinkIfUp(member: RawClient): Promise<boolean> {
  const id = await linkIdOn(member)
  return id !== undefined && String(await member.ask('CLIENT', 'KILL', 'ID', id)) === ':1\r\n'
}

/** How a proxy is started whose links break all the time: no member is taken out for that, and each is back at once. */
export const PATIENT = {
  nodes: 4,
  replicas: 2,
  downAfterMs: 20_000,
  config: { backend: { reconnectMinMs: 5, reconnectMaxMs: 20 } },
}

/**
 * Breaks links to random members all the time while something is done that is told how many were broken so far.
 *
 * @param before done to the member each time; the link is broken if it says so
 */
export async function whileLinksBreak<T>(
  proxy: TestProxy,
  before: (member: RawClient, random: Random) => boolean | Promise<boolean>,
  act: (broken: () => number) => Promise<T>,
): Promise<T> {
  const random = new Random(3, 'breaks')
  const members = await Promise.all(proxy.view.members.map(({ name }) => proxy.connectTo(name)))
  let broken = 0
  let over = false
  const breaking = (async () => {
    while (!over) {
      await sleep(random.between(10, 120))
      const member = random.pick(members)
      if (await before(member, random)) broken += Number(await breakLinkIfUp(member))
    }
  })()
  try {
    return await act(() => broken)
  } finally {
    over = true
    await breaking
  }
}
