import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import type { CommandRow } from '../../src/command/row.js'
import { rowNamed } from '../../src/command/table.js'
import { type Held, Lanes } from '../../src/order/lanes.js'
import { LostReads } from '../../src/order/lost-reads.js'
import type { Order } from '../../src/order/order.js'
import type { ReplySlot } from '../../src/order/reply-slot.js'
import type { Route } from '../../src/order/router.js'
import { type Frame, frameOf } from '../../src/resp/frame.js'
import { Read } from '../../src/serving/read.js'

const KEY = '0:key'

/** A key on a master and a backup, which is held on the master, and reads of it. */
class Story {
  readonly lanes = new Lanes(() => {})
  readonly lostReads = new LostReads()
  private readonly slot = { db: 0, client: this } as unknown as ReplySlot
  /** What was emitted, as far as it was told. */
  readonly emitted: string[] = []
  private readonly traffic = { master: { pushed: 0, taken: 0 }, backup: { pushed: 0, taken: 0 } }
  private readonly master = this.link('master')
  private readonly backup = this.link('backup')

  /** What the key is held for begins on a member; what it gives ends it. */
  holds(name: 'master' | 'backup', what: Partial<Held> = {}): () => void {
    const held = {
      emit: () => this.emitted.push(`${name}: what was held`),
      dropped: () => {},
      covered: () => {},
      ...what,
    }
    return this.lanes.hold(this[name], [KEY], held)
  }

  /** A write of the key is emitted to both, or waits for its turn. */
  writes(): this {
    for (const name of ['master', 'backup'] as const) {
      const emit = () => this.emit(name, 'write')
      const dropped = () => this.lostReads.noteWrite(this.slot, [KEY])
      if (this.lanes.isHeld(this[name], KEY)) this.holds(name, { isWrite: true, emit, dropped })()
      else emit()
    }
    return this
  }

  /** A member answers all that it was sent. */
  answers(name: 'master' | 'backup'): this {
    this.traffic[name].taken = this.traffic[name].pushed
    return this
  }

  reads(): this {
    const natural = [this.master, this.backup]
    const order = {
      lanes: this.lanes,
      readLost: (_frame: Frame, _row: CommandRow, slot: ReplySlot) => this.lostReads.add(slot, [KEY], () => {}),
      stats: { reads: 0, readsFromBackup: 0 },
      doubts: { any: false },
      uncertainty: { active: false },
      owedSweeps: { any: false },
      keyIds: () => [KEY],
    } as unknown as Order
    Read.emit(order, { natural } as unknown as Route, frameOf(['GET', 'key']), rowNamed('get')!, this.slot)
    return this
  }

  breaks(name: 'master' | 'backup'): this {
    this.lanes.drop(this[name])
    return this
  }

  private emit(name: 'master' | 'backup', what: string): void {
    this.traffic[name].pushed++
    this.emitted.push(`${name}: ${what}`)
  }

  private link(name: 'master' | 'backup'): Link {
    return {
      ...{ name, ready: true, serving: true },
      expirations: { traffic: () => this.traffic[name] },
      emitFrame: (_frame: Frame, _db: number, _sink: ReplySink) => this.emit(name, 'read'),
    } as unknown as Link
  }
}

t.test('a read goes to a backup while its key is held on the master', async (t) => {
  const story = new Story()
  story.holds('master')
  t.same(story.reads().emitted, ['backup: read'])
})

t.test('but not past a write that the master still has to get', async (t) => {
  const story = new Story()
  const release = story.holds('master')
  story.writes().reads()
  t.same(story.emitted, ['backup: write'])
  release()
  t.same(story.emitted.slice(1), ['master: what was held', 'master: write', 'master: read'])
})

t.test('nor past one that it has not answered', async (t) => {
  const story = new Story().writes()
  const release = story.holds('master')
  story.answers('backup').reads()
  t.same(story.emitted, ['master: write', 'backup: write'])
  release()
  t.same(story.emitted.slice(2), ['master: what was held', 'master: read'])

  const answered = new Story().writes()
  answered.holds('master')
  t.same(answered.answers('master').reads().emitted.slice(2), ['backup: read'])
})

t.test('nor past one that was held and has gone out, while something else is held', async (t) => {
  const story = new Story()
  const first = story.holds('master')
  story.writes()
  const second = story.holds('master')
  first()
  story.reads()
  t.same(story.emitted, ['backup: write', 'master: what was held', 'master: write'])
  story.answers('master').reads()
  t.same(story.emitted.slice(3), ['backup: read'])
  second()
  t.same(story.emitted.slice(4), ['master: what was held', 'master: read'])
})

t.test('a held read whose link breaks is not asked elsewhere past what its client wrote behind it', async (t) => {
  const story = new Story()
  story.holds('master')
  story.holds('backup')
  story.reads().writes().breaks('master')
  t.match(story.lostReads.take(), [{ overtaken: true }])

  const unhurried = new Story()
  unhurried.holds('master')
  unhurried.holds('backup')
  unhurried.reads().breaks('master')
  t.match(unhurried.lostReads.take(), [{ overtaken: false }], 'without a write behind it, it is')
})
