import fc from 'fast-check'
import t from 'tap'
import { type FenceStep, fenceStep } from '../../src/membership/fence.js'
import type { Owner } from '../../src/membership/marker.js'
import type { ProxyConnection } from '../../src/membership/rivals.js'

const ownerOf = (run: string, term: number): Owner => ({
  ...{ ringId: 'dt', run, term, where: '', heartbeat: 0, clean: false },
})
const connection = (id: number, run: string): ProxyConnection => ({ id, address: '', run, idleSeconds: 0 })
const self = { run: 'mine', term: 7 }
const known = { number: 7, runs: ['mine'] }
const earlier = connection(1, 'mine')
const other = connection(2, 'other')
const refusal = { reason: 'it belongs to the ring b', wipeable: true }

t.test('what follows from a look', async (t) => {
  const table: [string, Partial<Parameters<typeof fenceStep>[0]>, FenceStep][] = [
    ['nobody has it', {}, { kind: 'write marks', kill: [] }],
    ['an earlier proxy has it', { owner: ownerOf('other', 6) }, { kind: 'write marks', kill: [] }],
    [
      'and is connected, and so are we',
      { owner: ownerOf('other', 6), others: [earlier, other] },
      { kind: 'write marks', kill: [earlier, other] },
    ],
    ['it is ours', { owner: ownerOf('mine', 7) }, { kind: 'done' }],
    [
      'it is ours, and does not have our generation any more',
      { owner: ownerOf('mine', 7), noted: 0, others: [other] },
      { kind: 'write marks', kill: [other] },
    ],
    [
      'it was a later one’s, whose mark somebody has replaced',
      { owner: ownerOf('other', 6), noted: 8, others: [other] },
      { kind: 'deposed' },
    ],
    ['or ours itself was it', { owner: ownerOf('mine', 7), noted: 8 }, { kind: 'deposed' }],
    [
      'it is ours, and is to show that it takes marks',
      { owner: ownerOf('mine', 7), others: [earlier], hasToTakeMarks: true },
      { kind: 'write marks', kill: [earlier] },
    ],
    [
      'it is to show that, and is another one’s',
      { owner: ownerOf('other', 8), hasToTakeMarks: true },
      { kind: 'deposed' },
    ],
    [
      'it is ours, and an earlier connection of ours is there',
      { owner: ownerOf('mine', 7), others: [earlier] },
      { kind: 'kill', connections: [earlier] },
    ],
    [
      'it is ours, and somebody is connected who was shut out',
      { owner: ownerOf('mine', 7), others: [other] },
      { kind: 'kill', connections: [other] },
    ],
    ['a later proxy has it', { owner: ownerOf('other', 8), others: [earlier, other] }, { kind: 'deposed' }],
    ['of two at once the one with the later name', { owner: ownerOf('other', 7) }, { kind: 'deposed' }],
    ['and not the other', { owner: ownerOf('a', 7) }, { kind: 'write marks', kill: [] }],
    [
      'what may not be a member is left as it is, whoever is connected',
      { owner: ownerOf('other', 8), others: [earlier, other], refusal },
      { kind: 'refuse', refusal },
    ],
  ]
  for (const [what, look, step] of table) {
    const found = { others: [], owner: undefined, noted: 7, refusal: undefined, hasToTakeMarks: false, ...look }
    t.same(fenceStep(found, self, known), step, what)
  }
})

/** One connection to the server of the model: what was sent over it may lie on its way for any time. */
interface Conn extends ProxyConnection {
  named: boolean
  open: boolean
  /** When the fence was closed for it, or 0. */
  doneAt: number
  onItsWay: number
}

/** A server and two proxies that connect to it again and again, giving up connections that the server goes on reading. */
class Model {
  readonly all: Conn[] = []
  owner: Owner | undefined
  private noted = 0
  private time = 0
  private readonly current = new Map<string, Conn>()
  private readonly decided = new Map<string, FenceStep>()
  /** What each run has seen in the first half of its look. */
  private readonly seen = new Map<string, { readonly others?: readonly Conn[]; readonly owner?: Owner | undefined }>()

  /** Somebody thought that the server was his when it was another one's, by its mark. */
  isMistaken = false
  /** Somebody got the server after one with a later term had claimed it. */
  isSetBack = false

  /** @param marksFirst the look goes the wrong way round */
  constructor(private readonly marksFirst = false) {}

  /** An earlier connection of the run is forgotten by it, and not by the server. */
  connect(run: string): void {
    const conn = { ...connection(this.all.length + 1, run), named: false, open: true, doneAt: 0, onItsWay: 0 }
    this.all.push(conn)
    this.current.set(run, conn)
    this.decided.delete(run)
    this.seen.delete(run)
  }

  name(run: string): void {
    const conn = this.current.get(run)
    if (conn !== undefined) conn.named = true
  }

  /** The first half of a look. */
  look(run: string): void {
    if (!this.mayLook(run)) return
    const { owner } = this
    this.seen.set(run, this.marksFirst ? { owner } : { others: this.othersOf(run) })
  }

  /** The second one. */
  lookOn(run: string, term: number): void {
    const seen = this.seen.get(run)
    if (seen === undefined || !this.mayLook(run)) return
    this.seen.delete(run)
    const conn = this.current.get(run)!
    const { others, owner } = { others: this.othersOf(run), owner: this.owner, ...seen }
    const found = { others, owner, noted: this.noted, refusal: undefined, hasToTakeMarks: false }
    const step = fenceStep(found, { run, term }, { number: term, runs: [run] })
    if (step.kind === 'done') this.isMistaken ||= this.owner?.run !== run
    if (step.kind === 'done') this.isSetBack ||= term < this.noted
    if (step.kind === 'done') conn.doneAt = ++this.time
    else this.decided.set(run, step)
  }

  private mayLook(run: string): boolean {
    const conn = this.current.get(run)
    return conn?.open === true && conn.named && conn.doneAt === 0
  }

  private othersOf(run: string): Conn[] {
    return this.all.filter((each) => each !== this.current.get(run) && each.open && each.named)
  }

  /** Its process has ended, or was restarted: what the server has not read is gone. */
  close(run: string): void {
    const conn = this.current.get(run)
    if (conn !== undefined) conn.open = false
  }

  act(run: string, term: number): void {
    const step = this.decided.get(run)
    if (step === undefined || !this.current.get(run)!.open) return
    this.decided.delete(run)
    const killed = step.kind === 'kill' ? step.connections : step.kind === 'write marks' ? step.kill : []
    if (step.kind === 'write marks') {
      this.owner = ownerOf(run, term)
      this.noted = Math.max(this.noted, term)
    }
    for (const { id } of killed) this.all[id - 1].open = false
  }

  emit(run: string): void {
    const conn = this.current.get(run)
    if (conn !== undefined && conn.doneAt > 0) conn.onItsWay++
  }

  /** Something arrives at last. Gives whether it may: nobody's fence was closed since the sender's. */
  deliver(i: number): boolean {
    const waiting = this.all.filter(({ open, onItsWay }) => open && onItsWay > 0)
    if (waiting.length === 0) return true
    const conn = waiting[i % waiting.length]
    conn.onItsWay--
    return this.all.every(({ doneAt }) => doneAt <= conn.doneAt)
  }
}

t.test('nothing is executed from before the last closed fence, which is its owner’s, whatever the order', async (t) => {
  const steps = ['connect', 'name', 'name', 'look', 'look', 'look', 'lookOn', 'lookOn', 'lookOn', 'act', 'act', 'act']
  const step = fc.record({
    what: fc.constantFrom(...steps, 'emit', 'emit', 'deliver', 'deliver', 'close'),
    run: fc.constantFrom('a', 'b'),
    which: fc.nat(7),
  })
  let closed = 0
  let late = 0
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200, size: 'max' }),
      fc.constantFrom([1, 1], [1, 2], [2, 1]),
      (steps, [a, b]) => {
        const model = new Model()
        for (const { what, run, which } of steps) {
          const term = run === 'a' ? a : b
          if (what === 'deliver') {
            if (!model.deliver(which)) return false
          } else if (what === 'lookOn' || what === 'act') model[what](run, term)
          else model[what as 'connect' | 'name' | 'look' | 'emit' | 'close'](run)
        }
        closed += model.all.filter(({ doneAt }) => doneAt > 0).length
        late += model.all.filter(({ open, onItsWay }) => !open && onItsWay > 0).length
        return !model.isMistaken && !model.isSetBack
      },
    ),
    { numRuns: 8000 },
  )
  t.ok(closed > 500, `${closed} fences were closed`)
  t.ok(late > 10, `${late} times something was on its way and was not executed`)
})

t.test('a look that asks for the mark first may take for its own what somebody else has claimed', async (t) => {
  for (const marksFirst of [true, false]) {
    const model = new Model(marksFirst)
    const marks = (run: string) => {
      model.look(run)
      model.lookOn(run, 1)
    }
    model.connect('a')
    model.name('a')
    marks('a')
    model.act('a', 1)
    model.close('a')
    model.connect('b')
    model.name('b')
    marks('b')
    model.connect('a')
    model.name('a')
    model.look('a')
    model.act('b', 1)
    model.close('b')
    model.lookOn('a', 1)
    t.equal(model.owner?.run, 'b')
    t.equal(model.isMistaken, marksFirst)
  }
})
