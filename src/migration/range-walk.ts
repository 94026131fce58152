import { type Link, LinkLostError } from '../backend/link.js'
import { type KeyId, keyId } from '../base/key-id.js'
import { isHidden } from '../order/pieces/hidden-name.js'
import { frameOf } from '../resp/frame.js'
import { IS_ERROR } from '../resp/reply-framer.js'
import { identifierOfKey } from '../ring/identifier.js'
import type { RangeSet } from '../ring/range-set.js'
import type { Pace, Piece } from './pace.js'
import { assertProcess, databasesOf, WalkError } from './walk.js'

const CR = 0x0d
const ZERO = 0x30

/** Keys of one database, see `keyId`. */
export interface Found {
  readonly db: number
  readonly ids: readonly KeyId[]
}

/**
 * One pass over all keys of a member for those in some ranges, about as many at a time as a piece has. Every key that is there
 * from the beginning to the end is given at least once [Redis SCAN guarantees]. While keys are looked at, the next ones are
 * on their way.
 *
 * @throws LinkLostError, WalkError
 */
export async function* walkRanges(
  link: Link,
  ranges: RangeSet,
  pace: Pick<Pace, 'piece' | 'slice'>,
): AsyncGenerator<Found> {
  const runId = link.info?.runId
  const next = (db: number, cursor: string) =>
    pace.slice(async () => {
      assertProcess(link, runId)
      return scan(link, db, cursor, pace.piece, ranges)
    })
  for (const { db } of await databasesOf(link)) {
    let ids: KeyId[] = []
    let scanning: Promise<Scanned> | undefined = next(db, '0')
    while (scanning !== undefined) {
      const { cursor, found }: Scanned = await scanning
      scanning = cursor === '0' ? undefined : next(db, cursor)
      // Whoever walks may stop before it fails.
      scanning?.catch(() => {})
      ids = ids.length === 0 ? found : ids.concat(found)
      // Two halves are asked for together, a piece and a little more are not.
      if (ids.length < pace.piece.keys / 2 && scanning !== undefined) continue
      yield { db, ids }
      ids = []
    }
  }
}

interface Scanned {
  readonly cursor: string
  readonly found: KeyId[]
}

/**
 * One SCAN. A member holds many more keys than those that are looked for, so nothing is made of the others, not even an
 * object.
 */
function scan(link: Link, db: number, cursor: string, { scanned }: Piece, ranges: RangeSet): Promise<Scanned> {
  if (!link.ready) return Promise.reject(new LinkLostError(link.name, false))
  return new Promise((resolve, reject) => {
    link.emitFrame(
      frameOf(['SCAN', cursor, 'COUNT', String(scanned)]),
      db,
      {
        onReply: (_tag, buf, start, end, flags) => {
          if ((flags & IS_ERROR) === 0) resolve(keysIn(buf, start, db, ranges))
          else reject(new WalkError(`${link.name} answered: ${buf.toString('utf8', start + 1, end - 2)}`))
        },
        onLost: () => reject(new LinkLostError(link.name, true)),
      },
      0,
    )
  })
}

/** What a reply to SCAN, an array of the next cursor and an array of keys, says of some ranges. */
export function keysIn(buf: Buffer, start: number, db: number, ranges: RangeSet): Scanned {
  let p = start
  /** The number in the line at `p`, whatever its type; `p` is behind the line afterwards. */
  const number = () => {
    let value = 0
    for (p++; buf[p] !== CR; p++) value = value * 10 + buf[p] - ZERO
    p += 2
    return value
  }
  number()
  const cursorLength = number()
  const cursor = buf.latin1Slice(p, p + cursorLength)
  p += cursorLength + 2
  const found: KeyId[] = []
  for (let count = number(); count > 0; count--) {
    const end = number() + p
    if (ranges.has(identifierOfKey(buf, p, end)) && !isHidden(buf, p, end)) found.push(keyId(db, buf, p, end))
    p = end + 2
  }
  return { cursor, found }
}
