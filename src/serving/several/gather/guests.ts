import { type Link, LinkLostError } from '../../../backend/link.js'
import { RefusedError } from '../../../order/pieces/asking.js'
import { readerNow } from '../../../order/readable.js'
import { type Frame, frameOf } from '../../../resp/frame.js'
import type { Words } from '../plans.js'
import type { Source } from './cut.js'
import { batchesOf, Placed } from './placed.js'
import { Over, WholeValues } from './whole-values.js'

const NO_DEADLINE = -1

/** What the executor is to have, under these names, and the command that brings it there. */
export interface Guest {
  readonly names: readonly Buffer[]
  readonly arrival: Frame
}

/** A key that the executor lacks, about how many bytes its value takes, and the name that it is to have. */
export interface Lacked {
  readonly source: Source
  readonly bytes: number
  readonly name: Buffer
}

/** A command on whole values that one server executes, with others' values as its guests. */
export abstract class WithGuests<Found> extends WholeValues<Found> {
  /** Keys of which the deadlines count, too. */
  protected abstract mortal(sources: readonly Source[]): readonly Source[]

  /** What the executor lacks. All that would be much for a server at once waits there already when the command is emitted. */
  protected async guestsOf(executor: Link, lacked: readonly Lacked[], moreBytes: number): Promise<Guest[]> {
    const { pieces } = this.order
    const isLarge = ({ bytes }: Lacked) => pieces.isLarge(bytes, [executor])
    const all = lacked.reduce((sum, { bytes }) => sum + bytes, 0)
    const guests: Guest[] = []
    if (all <= pieces.wholeBytes && !lacked.some(isLarge)) {
      const dumped = await this.fetch(lacked)
      // What was small a moment ago may be large now.
      this.copied = dumped.reduce((sum, { payload }) => sum + payload.length, moreBytes)
      this.checkCopied(dumped.map(({ source: { key }, payload }) => ({ key, bytes: payload.length })))
      for (const { name, payload, deadline } of dumped) {
        const arrival = frameOf(['RESTORE', name, String(Math.max(0, deadline)), payload, 'ABSTTL'])
        guests.push({ names: [name], arrival })
      }
      return guests
    }
    for (const batch of batchesOf(lacked, pieces.wholeBytes)) {
      this.checkWanted()
      const isOneLarge = batch.length === 1 && isLarge(batch[0])
      guests.push(...(isOneLarge ? await this.parkedLarge(executor, batch[0]) : await this.parked(executor, batch)))
    }
    return guests
  }

  /** A large value, which is copied to the executor in pieces. */
  private async parkedLarge(executor: Link, { source, bytes, name }: Lacked): Promise<Guest[]> {
    const id = this.idOf(source.key)
    const [route] = this.routesOf([source.key])
    const reader = readerNow(this.order, route, [id])
    if (reader === undefined) throw new Over('wait')
    const to = new Placed(this.parking.newName(), [executor])
    const deadline = await this.copyInPieces({ id, bytes, source: reader, to, db: this.slot.db })
    if (deadline === undefined) return []
    return arrivalsOf(to.name, name, this.mortal([source]).length > 0 ? deadline : NO_DEADLINE)
  }

  /** Some small values, which are together what a server may be asked for at once. */
  private async parked(executor: Link, batch: readonly Lacked[]): Promise<Guest[]> {
    const dumped = await this.fetch(batch)
    this.checkWanted()
    const made = dumped.map(({ payload }) => {
      const name = this.parking.newName()
      return { name, by: frameOf(['RESTORE', name, '0', payload]) }
    })
    try {
      if (made.length > 0) await this.parking.make(executor, this.slot.db, made)
    } catch (failure) {
      if (failure instanceof RefusedError) return this.notTaken(failure.message, executor)
      if (failure instanceof LinkLostError) throw new Over('wait')
      throw failure
    }
    return dumped.flatMap(({ name, deadline }, i) => arrivalsOf(made[i].name, name, deadline))
  }

  /** The values of those that have not expired, with the deadlines where these count. */
  private async fetch(lacked: readonly Lacked[]): Promise<(Lacked & { payload: Buffer; deadline: number })[]> {
    const mortal = this.mortal(lacked.map(({ source }) => source))
    const steps: Words[] = lacked.map(({ source: { key } }) => ['DUMP', key])
    for (const { key } of mortal) steps.push(['PEXPIRETIME', key])
    const found = steps.length === 0 ? [] : await this.look(steps)
    const { pieces } = this.order
    for (const [i, { source, bytes }] of lacked.entries()) {
      const id = this.idOf(source.key)
      const payload = found[i]
      const size = Math.max(bytes, pieces.smallSize(id) ?? 0)
      pieces.noteSize(id, Buffer.isBuffer(payload) ? Math.max(size, payload.length) : 0)
    }
    const deadlines = new Map(mortal.map((source, i) => [source, Number(found[lacked.length + i])]))
    return lacked.flatMap((each, i) => {
      const payload = found[i]
      if (!Buffer.isBuffer(payload)) return []
      return [{ ...each, payload, deadline: deadlines.get(each.source) ?? NO_DEADLINE }]
    })
  }
}

/** What makes a guest of a parked value. */
function arrivalsOf(parked: Buffer, name: Buffer, deadline: number): Guest[] {
  const arrival = { names: [name], arrival: frameOf(['RENAME', parked, name]) }
  if (deadline < 0) return [arrival]
  return [arrival, { names: [], arrival: frameOf(['PEXPIREAT', name, String(deadline)]) }]
}
