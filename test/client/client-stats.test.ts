import t from 'tap'
import { ClientStats } from '../../src/client/client-stats.js'
import { OF_PROXY } from '../../src/command/command-class.js'

function count(stats: ClientStats, line: string): void {
  const bytes = Buffer.from(`before ${line}\r\nafter`)
  stats.countError(bytes, 'before '.length, bytes.length - 'after'.length, OF_PROXY)
}

t.test('errors are counted by their codes, as Redis cuts them', async (t) => {
  const stats = new ClientStats()
  for (const line of ['-ERR a b', '-WRONGTYPE x', '-ERR', '-ERR c', `-${'X'.repeat(40)} y`]) count(stats, line)
  t.same(stats.errorCounts(), [
    ['ERR', 4],
    ['WRONGTYPE', 1],
  ])
  t.equal(stats.errorReplies, 5)
})

t.test('a server that makes up codes does not take our memory', async (t) => {
  const stats = new ClientStats()
  for (let i = 0; i < 10_000; i++) count(stats, `-CODE${i} x`)
  count(stats, '-CODE0 x')
  for (const line of ['-WRONGTYPE x', '-CLUSTERDOWN x', '-OOM x', '-ERR x']) count(stats, line)
  const counts = new Map(stats.errorCounts())
  t.equal(counts.size, 128 + 'WRONGTYPE CLUSTERDOWN OOM ERR OTHER'.split(' ').length)
  t.equal(counts.get('CODE0'), 2)
  t.match(counts, new Map([...['WRONGTYPE', 'CLUSTERDOWN', 'OOM', 'ERR'].map((code) => [code, 1] as const)]))
  t.equal(counts.get('OTHER'), 10_000 - 128, 'none is lost')
  t.equal(stats.errorReplies, 10_005)
})
