import t from 'tap'
import { Votes } from '../../src/order/votes.js'

/** What the places say, in the order in which they answer. */
function votes(...said: [place: number, reply: string][]) {
  const [[first, reply], ...others] = said
  const votes = new Votes(Buffer.from(reply), 0, [first])
  for (const [place, other] of others) votes.add(place, Buffer.from(other), 0)
  return { right: votes.verdict()?.places.slice().sort(), reply: String(votes.verdict()?.reply), alone: votes.alone() }
}

t.test('two who say the same are right', async (t) => {
  const master = { right: [1, 2], reply: ':11', alone: 0 }
  t.same(votes([0, ':1'], [1, ':11'], [2, ':11']), master)
  t.same(votes([2, ':11'], [0, ':1'], [1, ':11']), master, 'in whatever order they answer')
  t.same(votes([0, ':11'], [1, ':1'], [2, ':11']), { right: [0, 2], reply: ':11', alone: 1 })
})

t.test('before the third has answered nobody is', async (t) => {
  t.equal(votes([0, ':1'], [1, ':11']).right, undefined)
  t.equal(votes([0, ':1'], [1, ':11'], [3, ':11']).right, undefined, 'a pending one does not count')
})

t.test('when all say something else the master is', async (t) => {
  t.same(votes([1, ':11'], [0, ':1'], [2, ':12']), { right: [0], reply: ':1', alone: undefined })
})

t.test('pending replicas are right when they say what those say', async (t) => {
  t.same(votes([0, ':1'], [3, ':1'], [1, ':11'], [4, ':11'], [2, ':11']).right, [1, 2, 4])
})

t.test('errors count when they follow from what the key is', async (t) => {
  const suit = (one: string, other: string, naturals = 3) => Votes.suit(naturals, Buffer.from(one), Buffer.from(other))
  t.ok(suit(':1', ':11'))
  t.ok(suit('-ERR no such key', '+OK'))
  t.ok(suit(':1', '-WRONGTYPE Operation'))
  t.notOk(suit('-OOM command not allowed', ':1'))
  t.notOk(suit(':1', '-READONLY You cannot'))
  t.notOk(suit('-ERR old words', '-ERR new words'))
  t.notOk(suit(':1', ':11', 2), 'and only where a third one decides')
  for (const error of [
    '-NOGROUP No such key',
    '-BUSYGROUP Consumer Group name already exists',
    '-ERR The ID specified in XADD is equal or smaller than the target stream top item',
    '-ERR value is not an integer or out of range',
    '-ERR index out of range',
  ]) {
    t.ok(suit(':1', error), error)
  }
  for (const error of [
    "-ERR unknown command 'INCR', with args beginning with: 'k' ",
    "-ERR unknown subcommand 'X'. Try XGROUP HELP.",
    "-ERR wrong number of arguments for 'xadd' command",
    '-ERR syntax error',
    '-ERR string exceeds maximum allowed size (proto-max-bulk-len)',
    '-ERR max number of clients reached',
    '-ERR This instance has cluster support disabled',
    '-ERR operation not permitted',
    '-MISCONF Redis is configured to save RDB snapshots',
    '-BUSY Redis is busy running a script',
    '-NOSCRIPT No matching script',
    '-LOADING Redis is loading the dataset in memory',
    '-NOPERM this user has no permissions',
  ]) {
    t.notOk(suit(':1', error), `a server says of itself ${error}`)
  }
})
