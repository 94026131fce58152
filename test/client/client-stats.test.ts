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
  t.equal(stats.errorCounts().length, 128)
  t.same(stats.errorCounts()[0], ['CODE0', 2])
  t.equal(stats.errorReplies, 10_001)
})
