import { lowerWord } from '../../base/ascii.js'
import { Glob } from '../../base/glob.js'
import { bytesOf } from '../../resp/decode.js'
import { map, type Reply } from '../../resp/encode.js'
import { cString } from './arguments.js'
import type { LocalCommand } from './local-command.js'
import { isGlob, memberSettings } from './member-settings.js'
import { ownSettings, SECRETS } from './own-settings.js'
import { type Configuring, configResetStat, configRewrite, configSet } from './settings/config-set.js'

/** CONFIG …: settings that the proxy has itself are its own, the others those of a member. */
export const configCommands: Record<string, LocalCommand<Configuring>> = {
  'config|set': (_client, args, server) => configSet(server, args),
  'config|rewrite': (_client, _args, server) => configRewrite(server),
  'config|resetstat': (_client, _args, server) => configResetStat(server),

  'config|get': (_client, args, server) => get(server, args.slice(2).map(cString)),
}

/**
 * CONFIG GET pattern … [Redis config.c configGetCommand]: a word without `[*?` names one setting, which is shown as it
 * was written; each setting is shown once.
 */
async function get(server: Configuring, patterns: readonly Buffer[]): Promise<Reply> {
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
  // Where no member says its own the reply has ours.
  const theirs = others.length === 0 ? undefined : await memberSettings(server, others)
  for (const [key, value] of theirs ?? []) {
    const name = lowerWord(bytesOf(key) ?? Buffer.alloc(0))
    if (!own.has(name)) shown.set(name, [key, SECRETS.has(name) ? '' : value])
  }
  return map([...shown.values()])
}
