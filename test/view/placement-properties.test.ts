import fc from 'fast-check'
import t from 'tap'
import { type Happening, RingModel } from './ring-model.js'

const RUNS = 250

/** One of six members, by its number. */
const who = fc.integer({ min: 0, max: 5 })
const several = fc.uniqueArray(who, { minLength: 1, maxLength: 3 })
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ what: fc.constant('come' as const), who: several }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('fail' as const), who: several }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('restart' as const),
      who,
      with: fc.constantFrom('everything' as const, 'old data' as const, 'nothing' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constantFrom('leave' as const, 'stay' as const, 'forget' as const), who }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('suspect' as const), who }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('write' as const) }) },
  { weight: 6, arbitrary: fc.record({ what: fc.constant('fill' as const), who, some: fc.integer({ min: 0 }) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('part' as const), some: fc.integer({ min: 0 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constantFrom('begin intake' as const, 'finish intake' as const), who }),
  },
)
const ring = fc.record({
  replicas: fc.integer({ min: 0, max: 3 }),
  virtualNodes: fc.constantFrom(1, 16),
  first: fc.uniqueArray(who, { minLength: 1, maxLength: 6 }),
})

t.test('whatever happens, no view loses what was acknowledged, and the ring becomes what is wanted', async (t) => {
  const counts = { views: 0, moved: 0, parted: 0, lostEverywhere: 0 }
  fc.assert(
    fc.property(ring, fc.array(happening, { maxLength: 40, size: 'max' }), ({ first, ...settings }, happenings) => {
      const model = new RingModel(settings)
      model.happens({ what: 'come', who: first })
      for (const each of happenings) model.happens(each)
      model.settle()
      counts.views += model.views
      counts.moved += model.rangesFilled
      counts.parted += model.rangesParted
      counts.lostEverywhere += model.lostEverywhere
    }),
    { numRuns: RUNS },
  )
  // The histories are worth something only when much happens in them.
  t.ok(counts.views > 10 * RUNS, `${counts.views} views`)
  t.ok(counts.moved > 20 * RUNS, `${counts.moved} ranges were filled`)
  t.ok(counts.parted > 5 * RUNS, `${counts.parted} ranges were let go of`)
  t.ok(counts.lostEverywhere > 5 * RUNS, `${counts.lostEverywhere} ranges lost all their holders for a while`)
})

interface TakenBack {
  readonly happens: readonly Happening[]
  readonly isTakenBack: readonly Happening[]
}

t.test('a join, a leave and a failure that are taken back half-way leave the ring as it was', async (t) => {
  const half: fc.Arbitrary<Happening> = fc.oneof(
    fc.record({ what: fc.constant('fill' as const), who, some: fc.integer({ min: 0 }) }),
    fc.record({ what: fc.constant('write' as const) }),
    fc.record({ what: fc.constant('part' as const), some: fc.integer({ min: 0 }) }),
  )
  const ring = fc.record({ replicas: fc.integer({ min: 0, max: 3 }), virtualNodes: fc.constantFrom(1, 16) })
  const there = [0, 1, 2, 3]
  const one = fc.constantFrom(...there)
  const change = fc.oneof(
    fc.constant<TakenBack>({
      happens: [{ what: 'come', who: [4, 5] }],
      isTakenBack: [
        { what: 'leave', who: 4 },
        { what: 'leave', who: 5 },
      ],
    }),
    one.map((who): TakenBack => ({ happens: [{ what: 'leave', who }], isTakenBack: [{ what: 'stay', who }] })),
    one.map((who): TakenBack => {
      return { happens: [{ what: 'fail', who: [who] }], isTakenBack: [{ what: 'come', who: [who] }] }
    }),
  )
  let changed = 0
  fc.assert(
    fc.property(ring, change, fc.array(half, { maxLength: 8 }), (settings, { happens, isTakenBack }, between) => {
      const model = new RingModel(settings)
      model.happens({ what: 'come', who: there })
      const before = model.described()
      for (const each of [...happens, ...between]) model.happens(each)
      if (model.described() !== before) changed++
      for (const each of isTakenBack) model.happens(each)
      model.settle()
      if (model.described() !== before) throw new Error(`${before}\nbecame\n${model.described()}`)
    }),
    { numRuns: RUNS },
  )
  t.ok(changed > RUNS / 2, `${changed} rings were changed, and what they were again`)
})
