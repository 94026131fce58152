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
