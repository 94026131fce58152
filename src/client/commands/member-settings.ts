import { askAny } from '../../order/ask-any.js'
import { MapReply } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { askOne } from './every-member.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'order'>

const GLOB_BYTES = ['[', '*', '?']

/** Whether the name of a setting, of any length, is a pattern. */
export function isGlob(name: Buffer): boolean {
  return GLOB_BYTES.some((byte) => name.includes(byte))
}

/**
 * The settings of these names that a member has, the first one that answers; undefined when there is none, or it refuses, as managed
 * servers do.
 */
export async function memberSettings(
  { order }: Needs,
  names: readonly Buffer[],
): Promise<MapReply['entries'] | undefined> {
  const reply = await askAny(order.router.anyMember, (link) => askOne(link, ['CONFIG', 'GET', ...names]))
  return reply instanceof MapReply ? reply.entries : undefined
}
