import type { Link } from '../../backend/link.js'
import type { KeyId } from '../../base/key-id.js'
import { wrongArityError } from '../../command/errors.js'
import { findKeys, lacksValue, sortReadsPatterns } from '../../command/keys.js'
import { isKnownForm } from '../../command/options.js'
import type { CommandRow } from '../../command/row.js'
import { DatabaseChange } from '../../order/database-change.js'
import type { Order } from '../../order/order.js'
import type { Route } from '../../order/router.js'
import { argumentOf, argumentsOf, type Frame, frameOf } from '../../resp/frame.js'
import { parseRequest } from '../../resp/request-parser.js'
import { isCertain } from '../certain.js'
import { serverChooses } from '../effects.js'
import { isCopied } from '../one-route.js'
import { streamParts } from '../several/streams.js'

/** A command between MULTI and EXEC, with the database that it concerns. */
export interface QueuedCommand {
  readonly frame: Frame
  readonly row: CommandRow
  readonly db: number
  /** The protocol of its reply. */
  readonly proto: 2 | 3
  /** What the proxy itself answers to it, when it does; or what does it when the others have been executed. */
  readonly reply: Buffer | (() => Buffer) | undefined
  /** What its client is to get of its reply, when it stands for another command. */
  readonly reshape?: ((reply: Buffer) => Buffer) | undefined
}

/** What one replica set gets of a command: all of it, or the part with its keys. */
export interface Piece {
  readonly share: Share
  /** The number of the command, and of its part. */
  readonly command: number
  readonly part: number
  readonly frame: Frame
  readonly row: CommandRow
  readonly db: number
  readonly ids: readonly KeyId[]
  readonly isWrite: boolean
}

/**
 * How the writes of a share reach all replicas:
 *
 *     apply    all of it to all of them
 *     effects  the master executes it and chooses (SPOP, XADD *), the others get what comes of that, and the other writes
 *     copies   the master executes it, the others get copies of the keys: nobody can tell what comes of one of the commands
 */
export type How = 'read' | 'apply' | 'effects' | 'copies'

/** What one replica set gets of a transaction. */
export interface Share {
  readonly route: Route
  readonly pieces: Piece[]
  how: How
  /** All keys, and those that are written. */
  readonly ids: KeyId[]
  readonly written: KeyId[]
  /** One of the writes that takes memory, if there is one; else any of them. */
  hungry: CommandRow | undefined
  /** Where the writes go: `route`, without those who are owed the keys. */
  to: Route
  /** Who is asked where nothing is written. */
  reader: Link | undefined
}

/** A command that all members get. */
export interface WidePiece {
  readonly command: number
  readonly args: readonly Buffer[]
  readonly db: number
  /** Of a write. */
  readonly change: DatabaseChange | undefined
}

/** A transaction cut by replica sets, all for the moment: other views have other ones. Up to `step`, if there is one. */
export interface Plan {
  readonly shares: readonly Share[]
  /** The pieces of all shares, in the order of the commands. */
  readonly pieces: readonly Piece[]
  readonly wide: readonly WidePiece[]
  /** For a command in parts: in which of them each of its keys is. */
  readonly partOf: ReadonlyMap<number, readonly number[]>
  readonly parts: ReadonlyMap<number, number>
  /** Errors of commands that nobody needs to be asked about. */
  readonly replies: ReadonlyMap<number, Buffer>
  /** A command whose keys are on several servers now, and which is not served then. */
  readonly torn: CommandRow | undefined
  /** The first command that takes turns of its own [sequence.ts]. */
  readonly step: number | undefined
}

const DATABASE_GONE = Buffer.from('-ERR DB index is out of range\r\n')
const WORSE: Readonly<Record<How, number>> = { read: 0, apply: 1, effects: 2, copies: 3 }

/** Cuts the commands of a transaction that servers answer. */
export function planOf(order: Order, commands: readonly QueuedCommand[]): Plan {
  const shares = new Map<Route, Share>()
  const partOf = new Map<number, number[]>()
  const parts = new Map<number, number>()
  const replies = new Map<number, Buffer>()
  const pieces: Piece[] = []
  const wide: WidePiece[] = []
  const keys: number[] = []
  let torn: CommandRow | undefined
  let step: number | undefined

  const give = (route: Route, command: number, part: number, frame: Frame, isKeyed: boolean) => {
    const { row, db } = commands[command]
    const how = isKeyed ? howOf(row, frame, route.targets.length) : 'read'
    const ids = isKeyed ? order.keyIds(row, frame, db) : []
    let share = shares.get(route)
    if (share === undefined) {
      share = { route, pieces: [], how, ids: [], written: [], hungry: undefined, to: route, reader: undefined }
      shares.set(route, share)
    }
    if (WORSE[how] > WORSE[share.how]) share.how = how
    for (const id of ids) share.ids.push(id)
    if (how !== 'read') {
      for (const id of ids) share.written.push(id)
      if (share.hungry?.flags.includes('denyoom') !== true) share.hungry = row
    }
    const piece: Piece = { share, command, part, frame, row, db, ids, isWrite: how !== 'read' }
    share.pieces.push(piece)
    pieces.push(piece)
  }

  for (const [command, { frame, row, db, reply }] of commands.entries()) {
    if (reply !== undefined) continue
    // Since its SELECT a member may have joined that has fewer.
    if (db !== 0 && db >= order.databases) {
      replies.set(command, DATABASE_GONE)
      continue
    }
    if (row.route === 'script' || row.route === 'function' || (row.route === 'members' && !row.oneTurn)) {
      step = command
      break
    }
    if (row.route === 'members') {
      const args = parseRequest(frame)
      const change = row.databases === undefined ? undefined : new DatabaseChange(row, args, db)
      wide.push({ command, args, db, change })
      continue
    }
    const count = row.route === 'any' || lacksValue(row, frame) ? 0 : findKeys(row, frame, keys)
    if (row.route === 'split') {
      if ((frame.argc - row.firstKey) % row.keyStep !== 0) {
        replies.set(command, wrongArityError(row))
        continue
      }
      const routes: Route[] = []
      const places: number[] = []
      for (let k = 0; k < count; k++) {
        const route = order.router.routeOfKey(frame.buf, frame.argStart[keys[k]], frame.argEnd[keys[k]])
        if (!routes.includes(route)) routes.push(route)
        places.push(routes.indexOf(route))
      }
      partOf.set(command, places)
      parts.set(command, routes.length)
      for (const [part, route] of routes.entries()) {
        give(route, command, part, routes.length === 1 ? frame : partFrame(row, frame, keys, places, part), true)
      }
      continue
    }
    // Without keys it has no effect, or cannot be executed: some member says why.
    const { router } = order
    const route = count > 0 ? router.commonRoute(frame, keys, count) : (router.refuser(row, frame) ?? router.anyMember)
    if (namesOthers(row, frame)) {
      step = command
      break
    }
    if (route !== undefined) {
      give(route, command, 0, frame, count > 0)
      continue
    }
    if (!isCertain(row, frame, order.router.links)) torn = row
    else if (row.plan !== undefined || row.gather !== undefined) {
      step = command
      break
    } else if (row.merge === 'streams') {
      const args = argumentsOf(frame)
      const streams = streamParts(args, keys[0], count).map(frameOf)
      partOf.set(command, [...streams.keys()])
      parts.set(command, count)
      for (const [part, own] of streams.entries()) {
        const route = order.router.routeOfKey(frame.buf, frame.argStart[keys[part]], frame.argEnd[keys[part]])
        give(route, command, part, own, true)
      }
    } else torn = row
  }
  return { shares: [...shares.values()], pieces, wide, partOf, parts, replies, torn, step }
}

/** Whether it is a SORT whose patterns name keys anywhere on the ring. */
export function namesOthers(row: CommandRow, frame: Frame): boolean {
  return row.gather === 'sort' && sortReadsPatterns(frame) && isKnownForm(row, frame)
}

function howOf(row: CommandRow, frame: Frame, copies: number): How {
  if (row.replicate === 'none') return 'read'
  if (isCopied(row, frame)) return 'copies'
  return row.replicate === 'master-first' && serverChooses(row, frame, copies) ? 'effects' : 'apply'
}

/** The command on those of its keys that are in a part. */
function partFrame(
  row: CommandRow,
  frame: Frame,
  keys: readonly number[],
  places: readonly number[],
  part: number,
): Frame {
  const args = [argumentOf(frame, 0)]
  for (const [k, place] of places.entries()) {
    if (place !== part) continue
    for (let i = 0; i < row.keyStep; i++) args.push(argumentOf(frame, keys[k] + i))
  }
  return frameOf(args)
}
