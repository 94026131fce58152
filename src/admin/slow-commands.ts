import { printable } from '../base/printable.js'
import type { Server } from '../client/server.js'
import type { SlowCommand } from '../client/slow-log.js'
import { findKeys } from '../command/keys.js'
import { rowOf, shownName } from '../command/table.js'
import { type Frame, frameOf } from '../resp/frame.js'

const SHOWN = 8
const KEYS_SHOWN = 3

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
    const { command, keys, count } = namesIn(entry)
    const shown = hasKeys ? keys : []
    return {
      atMs: entry.timeS * 1000,
      command,
      keys: shown,
      moreKeys: count - shown.length,
      ...{ tookMs: entry.tookUs / 1000, waitedMs: entry.waitedUs / 1000 },
      ...{ serverMs: entry.serverUs / 1000, proxyMs: entry.proxyUs / 1000 },
      member: entry.member,
    }
  })
}

interface Names {
  readonly command: string
  /** The first ones. */
  readonly keys: readonly string[]
  readonly count: number
}

/** Entries stay as they are. */
const known = new WeakMap<SlowCommand, Names>()

function namesIn(entry: SlowCommand): Names {
  const names = known.get(entry) ?? findNames(entry)
  known.set(entry, names)
  return names
}

/** Where its keys are follows from its first words, which were kept, and from how many it had. */
function findNames({ args, argc }: SlowCommand): Names {
  const kept = args.length === argc ? args : args.slice(0, -1)
  const frame = lengthened(frameOf(kept), argc)
  const row = rowOf(frame)
  if (row === undefined) return { command: '', keys: [], count: 0 }
  const places: number[] = []
  const count = Math.max(0, findKeys(row, frame, places))
  const shown = places.slice(0, Math.min(count, KEYS_SHOWN)).filter((place) => place < kept.length)
  return { command: shownName(row.name), keys: shown.map((place) => printable(kept[place])), count }
}

/** Of so many arguments: those that it does not have are empty. */
function lengthened(frame: Frame, argc: number): Frame {
  const [argStart, argEnd] = [frame.argStart, frame.argEnd].map((offsets) => {
    const all = new Int32Array(argc)
    all.set(offsets)
    return all
  })
  return { ...frame, argc, argStart, argEnd }
}
