import t from 'tap'
import { frameOf } from '../../../src/resp/frame.js'
import type { Run } from '../../../src/serving/script/run.js'
import { Shapes } from '../../../src/serving/script/shapes.js'
import { keepOnly, letTouch, letTouchAll, namedBy } from '../../../src/serving/script/undeclared.js'

const key = (text: string) => Buffer.from(text)
const yes = () => true

/** A run on these keys, of a script that has learnt this. */
function run(shapes: Shapes, extra: string[], keys: string[] = ['jobs:wait']): Run {
  const frame = frameOf(['EVALSHA', 'f'.repeat(40), String(keys.length), ...keys])
  const learnt = { args: new Map<number, number>(), shapes }
  const guesses = shapes.guess(frame, keys.length)
  const extras = extra.map(key)
  return {
    ...{ script: { learnt }, frame, numkeys: keys.length, extra: extras, named: new Set(), guesses, answers: [] },
  } as unknown as Run
}

t.test('what is expected with a key that it names is given only where that may be', (t) => {
  const shapes = new Shapes()
  for (const n of [1, 2, 3])
    for (const tail of ['', ':lock', ':log']) {
      const one = run(shapes, [])
      letTouch(one, key(`jobs:${n}${tail}`), yes)
    }
  const may = (text: Buffer) => !text.includes('lock')
  const next = run(shapes, ['jobs:4', 'jobs:4:lock'])
  t.equal(letTouch(next, key('jobs:9'), may), undefined)
  t.ok(next.extra.some((each) => String(each) === 'jobs:9'))
  t.notOk(
    next.extra.some((each) => String(each) === 'jobs:9:lock'),
    next.extra.join(' '),
  )
  t.end()
})

t.test('what is only expected does not count for the limit', (t) => {
  const expected = Array.from({ length: 100 }, (_, i) => `expected-${i}`)
  const many = run(new Shapes(), expected, ['a'])
  for (let i = 0; i < 100; i++) t.equal(letTouch(many, key(`named by it ${i}`), yes), undefined)
  t.equal(many.extra.length, 100)
  t.match(String((letTouch(many, key('one more'), yes) as { message: string }).message), /touched more than 100 keys/)
  t.end()
})

t.test('keys that patterns of SORT name stay when what is expected is taken out', (t) => {
  const sorting = run(new Shapes(), ['expected'])
  letTouchAll([key('by:1'), key('by:2')], sorting, [])
  keepOnly(sorting.extra, namedBy(sorting))
  t.same(sorting.extra.map(String), ['by:1', 'by:2'])
  t.end()
})
