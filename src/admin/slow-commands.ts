import { printable } from '../base/printable.js'
import type { Server } from '../client/server.js'
import type { SlowCommand } from '../client/slow-log.js'
import { findKeys } from '../command/keys.js'
import { lookupCommand, lookupSubcommand } from '../command/table.js'
import { frameOf } from '../resp/frame.js'

const SHOWN = 8
const KEYS_SHOWN = 3

/** What stands for arguments that were not kept. */
const OMITTED = /^\.\.\. \(\d+ more arguments\)$/

/** A command of SLOWLOG as the page has it: with its keys, and never with values. */
export interface SlowShown {
  /** Since 1970, to the second. */
  readonly atMs: number
  readonly command: string
  readonly keys: readonly string[]
  /** How many it has besides. */
  readonly moreKeys: number
  readonly tookMs: number
  readonly waitedMs: number
  readonly serverMs: number
  readonly proxyMs: number
  /** Whose reply was waited for last; empty when no server's. */
  readonly member: string
}

/** The newest first. @param hasKeys whether who looks may see keys */
export function slowCommands({ slowLog }: Server, hasKeys: boolean): SlowShown[] {
  return slowLog.entries.slice(0, SHOWN).map((entry) => {
    const { command, keys } = namesIn(entry)
    return {
      atMs: entry.timeS * 1000,
      command,
      keys: hasKeys ? keys.slice(0, KEYS_SHOWN).map(printable) : [],
      moreKeys: Math.max(0, keys.length - (hasKeys ? KEYS_SHOWN : 0)),
      ...{ tookMs: entry.tookUs / 1000, waitedMs: entry.waitedUs / 1000 },
      ...{ serverMs: entry.serverUs / 1000, proxyMs: entry.proxyUs / 1000 },
      member: entry.member,
    }
  })
}

/** Of one with very many words the keys are known that are among those that were kept. */
function namesIn({ args }: SlowCommand): { command: string; keys: readonly Buffer[] } {
  const [name] = args
  const command = lookupCommand(name, 0, name.length)
  const sub = command?.subcommands === undefined || args.length === 1 ? undefined : args[1]
  const row = sub === undefined ? command : lookupSubcommand(command!, sub, 0, sub.length)
  if (row === undefined) return { command: '', keys: [] }
  const places: number[] = []
  const count = findKeys(row, frameOf(args), places)
  const keys = places.slice(0, Math.max(0, count)).map((place) => args[place])
  if (keys.length > 0 && OMITTED.test(String(keys[keys.length - 1]))) keys.pop()
  return { command: row.name.toUpperCase().replace('|', ' '), keys }
}
