import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { type KeyId, keyId, keyOfId } from '../../src/base/key-id.js'
import { Absences } from '../../src/order/absences.js'
import { Arrivals } from '../../src/order/arrivals.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { buildView } from '../../src/view/build-view.js'
import type { View } from '../../src/view/view.js'

const NAMES = ['dt-1', 'dt-2', 'dt-3', 'dt-4']
const KEYS = Array.from({ length: 100 }, (_, i) => keyId(0, Buffer.from(`key:${i}`), 0, `key:${i}`.length))

/** A ring that one member leaves and comes back to; r = 1, so that it does not hold every key. */
class Story {
  readonly arrivals = new Arrivals()
  readonly absences = new Absences(this.arrivals)
  readonly links = new Map(NAMES.map((name) => [name, { name, info: { runId: `run of ${name}` } } as unknown as Link]))
  private epoch = 1
  private names = NAMES
  private pending: readonly string[] = []

  get dt2(): Link {
    return this.links.get('dt-2')!
  }

  become(names: string[], pending: readonly string[] = [], inDoubt: readonly KeyId[] | 'any' = []): void {
    const before = this.view(this.pending)
    const links = this.linksOf(this.names)
    this.names = names
    this.pending = pending
    this.epoch++
    this.absences.viewChanged(
      [before, links],
      [this.view(pending), this.linksOf(names)],
      inDoubt === 'any' ? undefined : inDoubt,
    )
    this.arrivals.keepOnly(new Set(this.linksOf(pending)))
  }

  /** The keys that are owed to dt-2 although it has kept the rest; undefined when it has kept nothing. */
  owed(): KeyId[] | undefined {
    return this.arrivals.keepsAny(this.dt2) ? [...this.arrivals.owed(this.dt2)].sort() : undefined
  }

  keysOfDt2(): KeyId[] {
    const { ring, setOfRange } = this.view([])
    return KEYS.filter((id) => {
      const { key } = keyOfId(id)
      return setOfRange[ring.rangeOf(identifierOfKey(key, 0, key.length))].natural.some(({ name }) => name === 'dt-2')
    })
  }

  private view(pending: readonly string[]): View {
    const members = this.names.map((name, i) => ({ name, host: 'h', port: i, state: 'up' as const }))
    const view = buildView('dt', this.epoch, 1, 8, members)
    if (pending.length === 0) return view
    const setOfRange = view.setOfRange.map((set) => ({
      index: set.index,
      natural: set.natural.filter(({ name }) => !pending.includes(name)),
      pending: set.natural.filter(({ name }) => pending.includes(name)),
    }))
    return { ...view, setOfRange, replicaSets: [...new Set(setOfRange)] }
  }

  private linksOf(names: readonly string[]): Link[] {
    return names.map((name) => this.links.get(name)!)
  }
}

const AWAY = ['dt-1', 'dt-3', 'dt-4']

t.test('to a member that is back is owed what was written meanwhile, and what was in doubt when it left', async (t) => {
  const story = new Story()
  const own = story.keysOfDt2()
  const others = KEYS.filter((id) => !own.includes(id))
  t.ok(own.length > 10 && others.length > 10)
  t.notOk(story.absences.any)
  story.become(AWAY, [], [own[0], others[0]])
  t.ok(story.absences.any)
  story.absences.note([own[1], others[1]])
  story.absences.note([own[2]])
  story.become(NAMES, ['dt-2'])
  t.same(story.owed(), own.slice(0, 3).sort(), 'of the keys that it held')
  t.notOk(story.absences.any, 'from now on the view says what is owed to it')
})

t.test('to a member that leaves again before it was copied is owed all of it when it is back', async (t) => {
  const story = new Story()
  const own = story.keysOfDt2()
  const others = KEYS.filter((id) => !own.includes(id))
  story.become(AWAY)
  story.absences.note([own[0], own[1], own[2]])
  story.become(NAMES, ['dt-2'])
  t.same(story.owed(), own.slice(0, 3).sort())
  // One key arrives, one copy is on its way and one was not begun; a write is not sent, and one is in doubt.
  for (const id of [own[0], own[1]]) story.arrivals.add(story.dt2, id)
  story.arrivals.remove(story.dt2, own[1])
  t.ok(story.arrivals.owe(story.dt2, [own[3]]))
  story.become(AWAY, [], [own[4], others[0]])
  t.ok(story.absences.any)
  story.absences.note([own[5], others[1]])
  story.become(NAMES, ['dt-2'])
  t.same(story.owed(), own.slice(1, 6).sort())

  story.become(AWAY)
  Object.assign(story.dt2, { info: { runId: 'another' } })
  story.become(NAMES, ['dt-2'])
  t.equal(story.owed(), undefined, 'another process has kept nothing')
  story.become(AWAY)
  story.become(NAMES, ['dt-2'])
  t.equal(story.owed(), undefined, 'nor what it was filled with until it left')
})

t.test('it has to be filled anew where what it has is not sure', async (t) => {
  const cases: Record<string, (story: Story) => void> = {
    'another process is back': ({ dt2 }) => Object.assign(dt2, { info: { runId: 'another' } }),
    'its server restarted and left again': ({ absences }) => absences.forget('dt-2'),
    'everything was flushed or swapped meanwhile': ({ absences }) => absences.sweep()(),
    'too much was written': ({ absences }) => {
      for (let i = 0; i < 400_000; i += 1000) {
        absences.note(Array.from({ length: 1000 }, (_, k) => `0:other:${i + k}`))
      }
    },
  }
  for (const [what, happens] of Object.entries(cases)) {
    const story = new Story()
    story.become(AWAY)
    happens(story)
    story.become(NAMES, ['dt-2'])
    t.equal(story.owed(), undefined, what)
  }
  const unclean = new Story()
  unclean.become(AWAY, [], 'any')
  unclean.become(NAMES, ['dt-2'])
  t.equal(unclean.owed(), undefined, 'every key was in doubt when it left')

  const flushed = new Story()
  const answered = flushed.absences.sweep()
  flushed.become(AWAY)
  answered()
  flushed.become(NAMES, ['dt-2'])
  t.equal(flushed.owed(), undefined, 'a FLUSHALL was under way when it left')
})

t.test('what it has kept does not count any more where it is not to have it for a while', async (t) => {
  const story = new Story()
  story.become(AWAY)
  story.become(NAMES, ['dt-2'])
  t.same(story.owed(), [])
  story.become(NAMES)
  t.equal(story.owed(), undefined, 'it is natural: nobody asks')
  story.become(NAMES, ['dt-2'])
  t.equal(story.owed(), undefined)
})

t.test('who leaves by the view that says that it lost its data has kept nothing', async (t) => {
  const story = new Story()
  story.absences.restarted('dt-2')
  story.become(AWAY)
  story.become(NAMES, ['dt-2'])
  t.equal(story.owed(), undefined)
  // It has been filled, and what it has counts again.
  story.become(NAMES)
  story.become(AWAY)
  story.become(NAMES, ['dt-2'])
  t.same(story.owed(), [])
})
