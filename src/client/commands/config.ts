import { lowerWord } from '../../base/ascii.js'
import { Glob } from '../../base/glob.js'
import { within } from '../../base/within.js'
import { bytesOf } from '../../resp/decode.js'
import { MapReply, map, type Reply } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { cString } from './arguments.js'
import { configSet } from './config-set.js'
import type { LocalCommand } from './local-command.js'
import { ownSettings, SECRETS } from './own-settings.js'

/** How long a member may take to say its settings; without it the reply has ours. */
const MEMBER_TIMEOUT_MS = 1000

/** CONFIG SET, and CONFIG GET: settings that the proxy has itself are its own, the others those of a member. */
export const configCommands: Record<string, LocalCommand> = {
  'config|set': (_client, args, server) => configSet(server, args),

  'config|get': (_client, args, server) => get(server, args.slice(2).map(cString)),
}

/**
 * CONFIG GET pattern … [Redis config.c configGetCommand]: a word without `[*?` names one setting, which is shown as it
 * was written; each setting is shown once.
 */
async function get(server: Server, patterns: readonly Buffer[]): Promise<Reply> {
  const own = ownSettings(server)
  const shown = new Map<string, readonly [Reply, Reply]>()
  const longest = Math.max(...[...own.keys()].map((name) => name.length))
  for (const pattern of patterns) {
    const glob = isGlob(pattern) ? new Glob(pattern, true, longest) : undefined
    for (const name of glob === undefined ? [lowerWord(pattern)] : own.keys()) {
      const value = own.get(name)
      if (value === undefined || shown.has(name)) continue
      if (glob === undefined) shown.set(name, [pattern, value])
      else if (glob.matches(Buffer.from(name))) shown.set(name, [name, value])
    }
  }
  // What is named and is ours needs nobody else.
  const others = patterns.filter((pattern) => isGlob(pattern) || !own.has(lowerWord(pattern)))
  for (const [key, value] of await askMember(server, others)) {
    const name = lowerWord(bytesOf(key) ?? Buffer.alloc(0))
    if (!own.has(name)) shown.set(name, [key, SECRETS.has(name) ? '' : value])
  }
  return map([...shown.values()])
}

const GLOB_BYTES = ['[', '*', '?']

/** Of a pattern of any length. */
function isGlob(pattern: Buffer): boolean {
  return GLOB_BYTES.some((byte) => pattern.includes(byte))
}

/** What the first member that is up answers; nothing when there is none, or it refuses, as managed servers do. */
async function askMember(server: Server, patterns: readonly Buffer[]): Promise<MapReply['entries']> {
  const link = server.order.router.anyMember.serving()
  if (link === undefined || patterns.length === 0) return []
  const reply = await within(
    link.call(['CONFIG', 'GET', ...patterns]).catch(() => null),
    MEMBER_TIMEOUT_MS,
  )
  return reply instanceof MapReply ? reply.entries : []
}
