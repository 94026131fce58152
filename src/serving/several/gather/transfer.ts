import { LinkLostError } from '../../../backend/link.js'
import type { KeyId } from '../../../base/key-id.js'
import { isOption } from '../../../command/options.js'
import type { CommandRow } from '../../../command/row.js'
import { OUT_OF_MEMORY } from '../../../order/memory.js'
import type { Order } from '../../../order/order.js'
import { guestName } from '../../../order/pieces/hidden-name.js'
import { readerNow } from '../../../order/readable.js'
import { OUTCOME_UNKNOWN } from '../../../order/replies.js'
import type { ReplySlot } from '../../../order/reply-slot.js'
import { error, isError, type Reply, simple } from '../../../resp/encode.js'
import { argumentOf, type Frame } from '../../../resp/frame.js'
import { type Attempt, halfDone } from '../operation.js'
import type { Words } from '../plans.js'
import { withArguments } from './cut.js'
import type { GatherSettings } from './limits.js'
import { Placed } from './placed.js'
import { type Copies, type Dumped, Over, sizeQuestion, WholeValues } from './whole-values.js'

const NO_SUCH_KEY = error('ERR no such key')
const OK = simple('OK')

/**
 * RENAME, RENAMENX and COPY between servers [Redis db.c]: the value is the source's as DUMP gives it, and it is written, and deleted, as
 * any other value. What is written is on all its servers before the source is deleted, so that nothing is lost whatever fails:
 *
 *     gates of both ─> size, is the other one there? ─> PEXPIRETIME, DUMP ─> RESTORE ─> answered by all replicas ─> DEL ─> reply, gates
 */
export class TransferRun extends WholeValues<Dumped> {
  protected readonly isShared = false
  private readonly source: Buffer
  private readonly destination: Buffer
  private readonly isMove: boolean
  /** Nothing is done when the destination has a value. */
  private readonly keepsOther: boolean
  /** The database of the destination. */
  private readonly db: number

  constructor(order: Order, frame: Frame, row: CommandRow, slot: ReplySlot, settings: GatherSettings, copies: Copies) {
    super(order, frame, row, slot, settings, copies)
    ;[this.source, this.destination] = this.keys
    this.isMove = row.gather !== 'copy'
    const words = Array.from({ length: this.frame.argc - 3 }, (_, i) => i + 3)
    const replaces = words.some((i) => isOption(this.frame, i, 'replace'))
    this.keepsOther = row.gather === 'rename-new' || (row.gather === 'copy' && !replaces)
    const behindDb = words
      .filter((i) => isOption(this.frame, i - 1, 'db'))
      .map((i) => Number(argumentOf(this.frame, i)))
    const db = behindDb.at(-1) ?? slot.db
    // What is none is refused by the servers.
    this.db = Number.isInteger(db) && db >= 0 && db < order.databases ? db : slot.db
  }

  barrier(): Reply | 'wait' | undefined {
    const { order, source, destination, isMove } = this
    const [from, to] = this.routesOf([source, destination])
    for (const { gone } of [from, to]) if (gone !== undefined) return gone
    if (!to.writable() || (isMove && !from.writable())) return 'wait'
    return order.memory.anyFull && order.memory.refuses(this.row, to, true) ? OUT_OF_MEMORY : undefined
  }

  protected override onlyRead(): ReadonlySet<KeyId> | undefined {
    return this.isMove ? undefined : new Set([this.idOf(this.source)])
  }

  protected async measure(): Promise<void> {
    const [size] = await this.look([sizeQuestion(this.source)])
    this.copiesOne(this.source, Number(size))
  }

  protected async find(): Promise<Dumped> {
    const { source, destination, keepsOther, db, slot } = this
    await this.checkWords()
    const { pieces } = this.order
    const dbOf = ([, key]: Words) => (key === destination ? db : slot.db)
    const isSmall = !keepsOther && pieces.wasSmall(this.idOf(source))
    const [size, others] = isSmall
      ? [0]
      : await this.look([sizeQuestion(source), ...(keepsOther ? [['EXISTS', destination]] : [])], dbOf)
    if (size === null) this.end(this.row.gather === 'copy' ? 0 : NO_SUCH_KEY)
    if (keepsOther && others !== 0) this.end(0)
    this.copiesOne(source, Number(size))
    this.takeRoom()
    if (pieces.isLarge(Number(size), this.routesOf([destination])[0].targets)) return this.inPieces(Number(size))
    const [deadline, payload] = await this.look([
      ['PEXPIRETIME', source],
      ['DUMP', source],
    ])
    if (!Buffer.isBuffer(payload)) this.endExpired()
    // What was small a moment ago may be large now.
    this.copiesOne(source, payload.length)
    for (const id of [this.idOf(source), this.idOf(destination, db)])
      pieces.noteSize(id, Math.max(Number(size), payload.length))
    return { payload, deadline: Number(deadline) }
  }

  /** The value goes in pieces to where the destination is. */
  private async inPieces(bytes: number): Promise<Dumped> {
    const { order, source, destination, db } = this
    const id = this.idOf(source)
    const [route] = this.routesOf([source])
    const reader = readerNow(order, route, [id])
    if (reader === undefined) throw new Over('wait')
    const placed = new Placed(this.parking.newName(), this.replicasOf(destination, db))
    const deadline = await this.copyInPieces({ id, bytes, source: reader, to: placed, db })
    return deadline === undefined ? this.endExpired() : { payload: null, deadline, placed }
  }

  private endExpired(): never {
    this.end(this.row.gather === 'copy' ? 0 : NO_SUCH_KEY)
  }

  protected async write(value: Dumped): Promise<Attempt> {
    const { source, destination, isMove, db, row } = this
    const [{ natural }] = this.routesOf([source])
    if (isMove && this.routesOf([source]).some((route) => !route.writable())) return 'wait'
    const failed = await this.put(destination, value, natural[0], db)
    if (failed !== undefined) return { reply: isMove ? notMoved(failed.message) : failed }
    const kept = isMove ? await this.writeStep(['DEL', source]) : undefined
    if (kept !== undefined) return { reply: halfDone('value', kept.message) }
    return { reply: row.gather === 'rename' ? OK : 1 }
  }

  /** Servers find errors in the words of a command before they look at keys: any of them says it, of keys that are not there. */
  private async checkWords(): Promise<void> {
    const { frame, order, slot } = this
    if (frame.argc <= 3) return
    const names = new Map([
      [1, guestName(1)],
      [2, guestName(2)],
    ])
    const member = order.router.links.find(({ ready }) => ready)
    try {
      const said = await member?.callFrame(withArguments(frame, names), slot.db)
      if (said === undefined) throw new Over('wait')
      if (isError(said)) this.end(said)
    } catch (failure) {
      if (failure instanceof LinkLostError) throw new Over('wait')
      throw failure
    }
  }

  private end(reply: Reply): never {
    throw new Over({ reply })
  }
}

/** The destination was not written, or nobody knows; the source has its value. */
function notMoved(text: string): Reply {
  return error(text.startsWith(OUTCOME_UNKNOWN) ? `${text} (the source was not deleted)` : text)
}
