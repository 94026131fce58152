import t from 'tap'
import { GATHER_NAMES } from '../../bench/compare/gathers.js'
import { LISTENING_NAMES } from '../../bench/compare/listening.js'
import { QUEUE_NAMES } from '../../bench/compare/queues.js'
import { linesOf } from '../../bench/compare/results.js'
import { SCRIPT_NAMES } from '../../bench/compare/scripts.js'
import { judge, TARGETS } from '../../bench/compare/targets.js'
import { TLS_NAMES } from '../../bench/compare/tls.js'
import { sample, wholeComparison } from './samples.js'

t.test('the median decides, at most and at least', async (t) => {
  const at = (cpuMicros: number, perSecond: number) =>
    linesOf([
      ...[1, 2, 3].map((round) => sample('twemproxy', { round, row: 'get-p16' })),
      ...[0.1, cpuMicros, 90].map((each, i) =>
        sample('dt-r2', { round: i + 1, row: 'get-p16', cpuMicros: each, perSecond }),
      ),
    ])
  const metAt = (...figures: [number, number]) =>
    judge(at(...figures), {})
      .filter(({ met }) => met !== undefined)
      .map(({ title, met }) => `${title}: ${met}`)
  t.same(metAt(8, 100), ['GET, P=16: CPU: true', 'GET, P=16: throughput: true'])
  t.same(metAt(8.01, 99), ['GET, P=16: CPU: false', 'GET, P=16: throughput: false'])
})

t.test('what was not measured is neither met nor missed', async (t) => {
  t.same(
    judge([], {}).filter(({ value, met }) => value !== undefined || met !== undefined),
    [],
  )
  const spread = { median: 400, min: 300, max: 600 }
  const judged = judge([], { start: spread }).filter(({ met }) => met !== undefined)
  t.match(judged, [{ atMost: 500, value: spread, met: true }])
})

t.test('every target is one of something that is measured', async (t) => {
  const { samples } = wholeComparison()
  const further = Object.fromEntries(
    [
      'start',
      'accept',
      'idle',
      'refuse',
      'soak',
      ...GATHER_NAMES,
      'multi',
      'multi-3',
      'watch',
      ...SCRIPT_NAMES,
      ...QUEUE_NAMES,
      ...LISTENING_NAMES,
      ...TLS_NAMES,
    ].map((name) => [name, { median: 1, min: 1, max: 1 }]),
  )
  const verdicts = judge(linesOf(samples), further)
  t.equal(verdicts.length, TARGETS.length)
  t.same(
    verdicts.filter(({ met }) => met === undefined),
    [],
  )
})

t.test('the targets of CPU per command are those that were agreed', async (t) => {
  const limits = ['get dt-r2', 'set dt-r0', 'set dt-r2'].map((name) => {
    const [row, system] = name.split(' ')
    return [1, 16, 64].map((pipeline) => {
      const [target] = TARGETS.filter(
        ({ of }) =>
          'row' in of && of.row === `${row}-p${pipeline}` && of.system === system && of.figure === 'cpuMicros',
      )
      return target.atMost
    })
  })
  t.same(limits, [
    [1.1, 0.8, 0.38],
    [1.15, 0.85, 0.42],
    [1.35, 0.85, 0.58],
  ])
})
