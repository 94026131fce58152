import t from 'tap'
import { linesOf } from '../../bench/compare/results.js'
import { sample } from './samples.js'

t.test('each row on each system becomes a line with the median, the least and the most of its rounds', async (t) => {
  const rounds = [30, 10, 20].map((cpuMicros, i) => sample('dt-r2', { round: i + 1, cpuMicros }))
  const [line, other] = linesOf([...rounds, sample('dt-r2', { row: 'set-p1' })])
  t.match(line, { row: 'get-p1', system: 'dt-r2', rounds: 3, cpuMicros: { median: 20, min: 10, max: 30 } })
  t.match(other, { row: 'set-p1', rounds: 1 })
})

t.test('ratios are those within a round, not of the medians', async (t) => {
  // The machine was three times slower in the second round, and in the third twemproxy alone was disturbed.
  const lines = linesOf([
    ...[10, 30, 30].map((cpuMicros, i) => sample('twemproxy', { round: i + 1, cpuMicros })),
    ...[5, 15, 5].map((cpuMicros, i) => sample('dt-r2', { round: i + 1, cpuMicros })),
  ])
  t.match(lines[1].toTwemproxy?.cpuMicros, { median: 0.5, min: 5 / 30, max: 0.5 })
  t.equal(lines[0].toTwemproxy, undefined, 'twemproxy is not compared with itself')
})

t.test('a round in which one of both is missing has no ratio', async (t) => {
  const lines = linesOf([
    sample('redis', { round: 1, perSecond: 400 }),
    ...[100, 100].map((perSecond, i) => sample('dt-r2', { round: i + 1, perSecond })),
  ])
  t.match(lines[1].toRedis?.perSecond, { median: 0.25, min: 0.25, max: 0.25 })
  t.equal(lines[1].toTwemproxy, undefined)
})
