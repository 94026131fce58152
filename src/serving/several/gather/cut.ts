import { nameOf } from '../../../base/name-of.js'
import { findKeys } from '../../../command/keys.js'
import type { CommandRow } from '../../../command/row.js'
import { argumentOf, type Frame, frameOf } from '../../../resp/frame.js'

/** A key that a command reads, and the places where it stands among the arguments. */
export interface Source {
  readonly key: Buffer
  readonly places: readonly number[]
}

/** The key that a command sets. */
export interface Destination {
  readonly key: Buffer
  readonly place: number
  /** What it holds counts, and so does its deadline: it is one of the sources as well. */
  readonly isRead: boolean
}

/** What a command that needs whole values reads and writes. */
export interface Cut {
  readonly sources: readonly Source[]
  readonly destination: Destination | undefined
}

/** By the column `gather` of the command's row. */
export function cutOf(row: CommandRow, frame: Frame): Cut {
  const places: number[] = []
  const count = findKeys(row, frame, places)
  const all = places.slice(0, count)
  const at = destinationAt(row, count)
  const isRead = row.gather === 'update-first'
  const key = at === undefined ? undefined : argumentOf(frame, all[at])
  const sources = new Map<string, { key: Buffer; places: number[] }>()
  for (const [i, place] of all.entries()) {
    if (i === at && !isRead) continue
    const name = argumentOf(frame, place)
    const same = sources.get(nameOf(name))
    if (same === undefined) sources.set(nameOf(name), { key: name, places: [place] })
    else same.places.push(place)
  }
  return {
    sources: [...sources.values()],
    destination: key === undefined ? undefined : { key, place: all[at!], isRead },
  }
}

/** Which of the keys, in their order in the row, is written. */
function destinationAt({ gather }: CommandRow, count: number): number | undefined {
  switch (gather) {
    case 'store-first':
    case 'update-first':
      return 0
    case 'store-last':
    case 'sort':
      return count > 1 ? count - 1 : undefined
    default:
      return undefined
  }
}

/** The command with other arguments in some places. */
export function withArguments(frame: Frame, others: ReadonlyMap<number, Buffer>): Frame {
  return frameOf(Array.from({ length: frame.argc }, (_, i) => others.get(i) ?? argumentOf(frame, i)))
}
