import type { Link } from '../../backend/link.js'
import { copyBytes } from '../../base/copy-bytes.js'
import type { KeyId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import type { Order } from '../../order/order.js'
import type { Route } from '../../order/router.js'
import type { How, Piece, Plan, QueuedCommand, Share } from './plan.js'
import type { QueuedFrame, QueuedFrames } from './queued-frames.js'

/*
 * Most transactions have nothing but commands of one key each, which all replicas execute alike: nobody chooses, and no time is
 * made absolute. Such a plain one may have millions of commands, so that nothing is made of a single one of them: a share is some
 * numbers, and bytes as they leave [plain-run.ts].
 */

/** The commands of a plain transaction. */
export class PlainCommands {
  constructor(
    readonly queued: QueuedFrames,
    readonly db: number,
    readonly proto: 2 | 3,
  ) {}

  get length(): number {
    return this.queued.length
  }

  /** All of them, as those of other transactions are. */
  list(): QueuedCommand[] {
    return this.queued.all.map((_, i) => this.command(i))
  }

  command(i: number): QueuedCommand {
    const { queued, db, proto } = this
    const { frame, row } = queued.all[i]
    return { frame, row, db, proto, reply: undefined }
  }
}

/** Bytes of commands that lie one behind the other. */
export interface Wire {
  readonly buf: Buffer
  readonly start: number
  readonly end: number
  readonly count: number
}

/** Some commands of a share, one behind the other. */
export interface Stretch {
  /** Which of the share's they are. */
  readonly from: number
  readonly to: number
  readonly all: Wire
  /** The writes among them. */
  readonly writes: Wire
}

/** More of them do not lie in one buffer. */
const STRETCH_BYTES_MAX = 64 * 1024

/** What one replica set gets of a plain transaction. */
export class PlainShare implements Share {
  how: How = 'read'
  writes = 0
  hungry: CommandRow | undefined
  to: Route
  reader: Link | undefined
  /** The numbers of its commands. */
  readonly numbers: number[] = []
  stretches: readonly Stretch[] = []
  /** Whether what its keys hold may be among the answers. */
  answersValues = false
  private knownIds: KeyId[] | undefined
  private knownWritten: KeyId[] | undefined

  constructor(
    readonly route: Route,
    readonly commands: PlainCommands,
    private readonly order: Order,
  ) {
    this.to = route
  }

  /* Nearly nobody asks for these. */

  get ids(): KeyId[] {
    this.knownIds ??= this.numbers.flatMap((number) => this.idsOf(number))
    return this.knownIds
  }

  get written(): KeyId[] {
    this.knownWritten ??= this.numbers
      .filter((number) => this.at(number).isWrite)
      .flatMap((number) => this.idsOf(number))
    return this.knownWritten
  }

  get pieces(): Piece[] {
    return this.numbers.map((number) => this.piece(number))
  }

  piece(command: number): Piece {
    const { frame, row, db } = this.commands.command(command)
    const ids = this.order.keyIds(row, frame, db)
    return { share: this, command, part: 0, frame, row, db, ids, isWrite: row.replicate !== 'none' }
  }

  /** The command of a number. */
  at(number: number): QueuedFrame {
    return this.commands.queued.all[number]
  }

  private idsOf(number: number): KeyId[] {
    const { frame, row, db } = this.commands.command(number)
    return this.order.keyIds(row, frame, db)
  }
}

const NOTHING = new Map<number, never>()

/** A plain transaction cut by replica sets. */
export class PlainPlan implements Plan {
  readonly wide = []
  readonly partOf = NOTHING
  readonly parts = NOTHING
  readonly replies = NOTHING
  readonly torn = undefined
  readonly step = undefined

  constructor(
    readonly commands: PlainCommands,
    readonly shares: readonly PlainShare[],
    /** Of each command the number of its share; undefined when there is one. */
    readonly shareOf: readonly number[] | undefined,
  ) {}

  get pieces(): Piece[] {
    const { commands, shares, shareOf } = this
    return commands.queued.all.map((_, i) => shares[shareOf?.[i] ?? 0].piece(i))
  }
}

export function plainPlanOf(order: Order, commands: PlainCommands): PlainPlan {
  const { all } = commands.queued
  const { router } = order
  const shares: PlainShare[] = []
  let shareOf: number[] | undefined
  let number = 0
  for (let i = 0; i < all.length; i++) {
    const { row, buf, keyStart, keyEnd } = all[i]
    const route = router.routeOfKey(buf, keyStart, keyEnd)
    if (shares[number]?.route !== route) {
      number = shares.findIndex((each) => each.route === route)
      if (number < 0) {
        number = shares.push(new PlainShare(route, commands, order)) - 1
        if (number === 1) shareOf = new Array<number>(i).fill(0)
      }
    }
    shareOf?.push(number)
    take(shares[number], i, row)
  }
  for (const share of shares) share.stretches = stretchesOf(share, shareOf === undefined)
  return new PlainPlan(commands, shares, shareOf)
}

function take(share: PlainShare, number: number, row: CommandRow): void {
  share.numbers.push(number)
  share.answersValues ||= row.answersValues
  if (row.replicate === 'none') return
  share.how = 'apply'
  share.writes++
  if (row !== share.hungry && share.hungry?.flags.includes('denyoom') !== true) share.hungry = row
}

/** @param isAlone nothing of another share stands between its commands */
function stretchesOf(share: PlainShare, isAlone: boolean): Stretch[] {
  const { numbers, how } = share
  const stretches: Stretch[] = []
  for (let from = 0; from < numbers.length; ) {
    const { buf, start } = share.at(numbers[from])
    let to = from
    let end = start
    let bytes = 0
    let writes = 0
    let writtenBytes = 0
    for (; to < numbers.length; to++) {
      const command = share.at(numbers[to])
      const length = command.end - command.start
      if (to > from && bytes + length > STRETCH_BYTES_MAX) break
      // What lies in the next buffer goes from there.
      if (isAlone && (command.buf !== buf || command.start !== end)) break
      end = command.end
      bytes += length
      if (!command.isWrite) continue
      writes++
      writtenBytes += length
    }
    const count = to - from
    const lies = isAlone || count === 1
    const all = lies ? { buf, start, end, count } : copied(share, from, to, bytes, count, false)
    const isMixed = how !== 'read' && writes < count
    stretches.push({ from, to, all, writes: isMixed ? copied(share, from, to, writtenBytes, writes, true) : all })
    from = to
  }
  return stretches
}

function copied(share: PlainShare, from: number, to: number, bytes: number, count: number, onlyWrites: boolean): Wire {
  const copy = Buffer.allocUnsafe(bytes)
  let at = 0
  for (let k = from; k < to; k++) {
    const command = share.at(share.numbers[k])
    if (onlyWrites && !command.isWrite) continue
    const { buf, start, end } = command
    copyBytes(buf, start, end, copy, at)
    at += end - start
  }
  return { buf: copy, start: 0, end: bytes, count }
}
