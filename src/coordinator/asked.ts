import { findKeys } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import type { Router } from '../order/router.js'
import type { Frame } from '../resp/frame.js'

const places: number[] = []
/** Of so many keys it is looked who has them: by then all members are nearly always among these. */
const LOOKED_AT_MAX = 1000

/** The master of the one key of a command, as such commands are usual; undefined for others, see `mastersAsked`. */
export function masterAsked(router: Router, frame: Frame, row: CommandRow): string | undefined {
  const { firstKey } = row
  if (row.keyFinder !== 'range' || row.lastKey !== firstKey || !row.answersValues) return undefined
  return router.routeOfKey(frame.buf, frame.argStart[firstKey], frame.argEnd[firstKey]).natural[0]?.name
}

/**
 * Adds the masters of which a command asks a reply that may be large to `out`, by their names. None where the reply is known to be
 * small (nearly all writes), and where the command has no keys. Reads that go to a backup meanwhile count at the master, too.
 */
export function mastersAsked(router: Router, frame: Frame, row: CommandRow, out: Set<string>): void {
  if (!row.answersValues || frame.argc === row.plainArgc) return
  const { buf, argStart, argEnd } = frame
  const count = findKeys(row, frame, places)
  const stop = Math.min(count, LOOKED_AT_MAX)
  for (let k = 0; k < stop; k++) {
    const [master] = router.routeOfKey(buf, argStart[places[k]], argEnd[places[k]]).natural
    if (master !== undefined) out.add(master.name)
  }
}
