import fc from 'fast-check'
import t from 'tap'
import { type Council, isNoted, majority, missingAtStart } from '../../src/membership/council.js'
import { CouncilModel, RULES, type Rules, type Step } from './council-model.js'

/* What the rules of design §12 promise, explored: crashes, partitions, members that are stopped, wiped, or come back old. */

const often = ['work', 'start', 'reach'] as const
const sometimes = ['up', 'publish', 'tell', 'save', 'write'] as const
const seldom = ['wipe', 'restart', 'roll back', 'crash', 'accept', 'lose disk'] as const
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...often) },
    { weight: 3, arbitrary: fc.constantFrom(...sometimes) },
    { weight: 2, arbitrary: fc.constantFrom(...seldom) },
  ),
  machine: fc.nat(1),
  member: fc.nat(6),
  members: fc.nat(127),
})
const settings = fc.record({
  members: fc.integer({ min: 3, max: 7 }),
  replicas: fc.integer({ min: 1, max: 2 }),
  withFile: fc.boolean(),
})
const steps = fc.array(step, { maxLength: 24, size: 'max' })

type Settings = { readonly members: number; readonly replicas: number; readonly withFile: boolean }

/** Whether the model finds nothing wrong with these rules. */
function explore(rules: Rules, only: Partial<Settings>, numRuns: number): fc.RunDetails<[Settings, Step[]]> {
  const told = settings.map((each) => ({ ...each, ...only }))
  const property = fc.property(told, steps, (each, happenings) => {
    const model = new CouncilModel(each, rules)
    for (const happening of happenings) model.happens(happening)
  })
  return fc.check(property, { numRuns, seed: 7 })
}

for (const withFile of [true, false]) {
  const which = withFile ? 'with a state file' : 'without one'
  t.test(`whatever happens, ${which}: no start serves an older view, nobody acknowledges beside another`, async (t) => {
    const { failed, counterexample, error } = explore(RULES, { withFile }, 6000) as fc.RunDetails<
      [Settings, Step[]]
    > & {
      error?: string
    }
    t.equal(failed, false, `${error} ${JSON.stringify(counterexample)}`)
  })
}

/** What was tried, or might be thought of. The model has to find each of them wrong. */
const wrong: Record<string, { readonly rules: Rules; readonly only?: Partial<Settings> }> = {
  'noted when all who are in the new view have it, served when most of the newest view are there': {
    rules: {
      isNoted: ({ view }, noted) => view.members.every((name) => noted.has(name)),
      mayServe: (newest, _councils, found, isNewestInFile) => {
        return (
          isNewestInFile || newest.members.filter((name) => found.has(name)).length >= majority(newest.members.length)
        )
      },
    },
    only: { withFile: false },
  },
  'the file counts for who has it, and is not missed by others': {
    rules: {
      ...RULES,
      mayServe: (_, councils, found, isNewestInFile) => {
        const most = councils.map(({ members }): Council => ({ members, file: undefined }))
        return isNewestInFile || missingAtStart(most, found) === undefined
      },
    },
    only: { withFile: true },
  },
  'only those of the newest view are asked, whether or not it was acknowledged': {
    rules: { ...RULES, mayServe: (_, [own], found) => missingAtStart([own], found) === undefined },
    only: { withFile: false },
  },
  'half is enough to note a view': {
    rules: {
      ...RULES,
      isNoted: ({ before }, noted) => {
        return before.every(({ members }) => members.filter((name) => noted.has(name)).length * 2 >= members.length)
      },
    },
    only: { withFile: false },
  },
  'fewer than half are enough to start': {
    rules: {
      ...RULES,
      mayServe: (_, councils, found) => {
        return councils.every(({ members }) => {
          return members.filter((name) => found.has(name)).length >= Math.ceil(members.length / 2) - 1
        })
      },
    },
    only: { withFile: false },
  },
  'after the file was lost most members are enough to note a view': {
    rules: {
      ...RULES,
      isNoted: ({ before }, noted) => {
        return isNoted(
          before.map(({ members, file }) => ({ members, file: file === noted.file ? file : undefined })),
          noted,
        )
      },
    },
    only: { withFile: true },
  },
}

for (const [what, { rules, only = {} }] of Object.entries(wrong)) {
  t.test(`found wrong: ${what}`, async (t) => {
    const found = explore(rules, only, 20_000)
    t.equal(found.failed, true)
    t.comment(`${found.numRuns} runs; ${JSON.stringify(found.counterexample)}`)
  })
}

/** A ring that is whole, some members that fail at once, and the proxy with them: whether the next start serves it again. */
function isServedAgain(
  { members, replicas, withFile }: Settings,
  failed: number,
  how: 'up' | 'wipe',
  other = 0,
): boolean {
  const model = new CouncilModel({ members, replicas, withFile })
  const happens = (what: Step['what'], member = 0, mask = 127) => {
    model.happens({ what, machine: other, member, members: mask })
  }
  model.happens({ what: 'crash', machine: 0, member: 0, members: 0 })
  if (how === 'up') happens('up', 0, 127 << failed)
  else for (let i = 0; i < failed; i++) happens('wipe', i)
  happens('start')
  return model.serves(other)
}

t.test(
  'up to r members fail and the proxy crashes: with its state file it is served again, without one if most are left',
  async (t) => {
    for (let members = 3; members <= 7; members++) {
      for (const replicas of [1, 2]) {
        for (let failed = 0; failed <= replicas; failed++) {
          const about = `${failed} of ${members}`
          for (const how of ['up', 'wipe'] as const) {
            t.equal(isServedAgain({ members, replicas, withFile: true }, failed, how), true, `${about}, with the file`)
          }
          const without = { members, replicas, withFile: false }
          t.equal(isServedAgain(without, failed, 'up'), failed * 2 < members, `${about} are away`)
          t.equal(isServedAgain(without, failed, 'wipe'), failed * 2 <= members, `${about} come back empty`)
          const lost = { members, replicas, withFile: true }
          t.equal(isServedAgain(lost, failed, 'up', 1), failed === 0, `${about}, and the file is lost`)
        }
      }
    }
  },
)
