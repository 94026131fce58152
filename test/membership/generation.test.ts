import t from 'tap'
import { type GenerationLook, generationStep } from '../../src/membership/generation.js'
import { explore } from '../helpers/explore.js'
import { FENCE_RULES, type FenceRules, FenceWorld, type Other } from './generation-world.js'

const look = (noted: number, ...runs: string[]): GenerationLook<Other> => {
  return { noted, others: runs.map((run, id) => ({ id, run })) }
}
const known = { number: 7, runs: ['X', 'Y'] }

t.test('what follows from a look', async (t) => {
  t.same(generationStep(look(7, 'Y'), known, 'X'), { kind: 'done', generation: 7 })
  t.same(
    generationStep(look(6, 'Y', 'Z'), known, 'X'),
    { kind: 'note', kill: [{ id: 1, run: 'Z' }] },
    'who is not in it is killed with that',
  )
  t.same(generationStep(look(7, 'Y', 'Z'), known, 'X'), { kind: 'kill', kill: [{ id: 1, run: 'Z' }] })
  t.same(
    generationStep(look(7, 'X', 'Y'), known, 'X'),
    { kind: 'kill', kill: [{ id: 0, run: 'X' }] },
    'an earlier one of our own',
  )
  t.same(generationStep(look(8, 'Z'), known, 'X'), { kind: 'later', generation: 8 }, 'nobody is killed by what is over')
  t.same(generationStep(look(7, 'Y'), known, 'Z'), { kind: 'deposed' })
})

/** How often each run connects. */
const TWO = { X: 2, Y: 1, Z: 0 }
const THREE = { X: 1, Y: 1, Z: 1 }
for (const connects of [TWO, THREE]) {
  t.test(`nothing of a run that was removed is executed behind a fence: ${JSON.stringify(connects)}`, async (t) => {
    const found = explore(new FenceWorld(FENCE_RULES, connects), 100_000)
    t.comment(`${found.states} states`)
    t.equal(found.wrong, undefined, found.way.join(', '))
    t.equal(found.isCutShort, false)
  })
}

const wrong: Record<string, Partial<FenceRules>> = {
  'nobody is killed': {
    step: (look, known, run) => generationStep({ ...look, others: [] }, known, run),
  },
  'a name is said after the look': { greeting: ['look', 'name'] },
  'a mark replaces another one': { note: (_, wanted) => wanted },
  'who is noted last is not looked at again': {
    step: (look, known, run) => {
      const step = generationStep(look, known, run)
      return step.kind === 'kill' && look.others.every((other) => other.run !== run) && look.noted === known.number
        ? { kind: 'done', generation: known.number }
        : step
    },
  },
  'a later generation is not minded': {
    step: (look, known, run) => generationStep({ ...look, noted: Math.min(look.noted, known.number) }, known, run),
  },
}

for (const [name, rules] of Object.entries(wrong)) {
  t.test(`found to be wrong: ${name}`, async (t) => {
    const found = explore(new FenceWorld({ ...FENCE_RULES, ...rules }, { X: 2, Y: 1, Z: 1 }), 100_000)
    t.comment(`${found.states} states`)
    t.match(found.wrong, 'I2')
  })
}
