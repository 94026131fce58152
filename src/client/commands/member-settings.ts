import { within } from '../../base/within.js'
import { MapReply } from '../../resp/encode.js'
import type { Server } from '../server.js'

/** How long a member may take to say its settings. */
const MEMBER_TIMEOUT_MS = 1000

const GLOB_BYTES = ['[', '*', '?']

/** Whether the name of a setting, of any length, is a pattern. */
export function isGlob(name: Buffer): boolean {
  return GLOB_BYTES.some((byte) => name.includes(byte))
}

/**
 * The settings of these names that the first member has that is up; undefined when there is none, or it refuses, as managed servers
 * do.
 */
export async function memberSettings(
  { order }: Server,
  names: readonly Buffer[],
): Promise<MapReply['entries'] | undefined> {
  const link = order.router.anyMember.serving()
  if (link === undefined) return undefined
  const reply = await within(
    link.call(['CONFIG', 'GET', ...names]).catch(() => null),
    MEMBER_TIMEOUT_MS,
  )
  return reply instanceof MapReply ? reply.entries : undefined
}
