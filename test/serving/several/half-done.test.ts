import t from 'tap'
import { outcomeUnknown, rangeGone, unavailable } from '../../../src/order/replies.js'
import { type ErrorReply, error } from '../../../src/resp/encode.js'
import { notAllLeft } from '../../../src/serving/script/script-trial.js'
import { halfDone } from '../../../src/serving/several/operation.js'

/*
 * An operation of which one step was written, and another one not: what the error of that one says of the whole command is not so.
 */

const UNKNOWN = 'ERR the outcome of this write is unknown: '
const AWAY = unavailable(5000, ['dt-2']) as ErrorReply
const AWAY_IN_SHORT =
  'CLUSTERDOWN a server that holds this key is not reachable and was waited for 5000 ms (away: dt-2)'
const GONE = rangeGone(['dt-2'], () => false, 7) as ErrorReply
const GONE_IN_SHORT =
  'CLUSTERDOWN all servers that hold this key are down, the key is back when dt-2 is, with its data; ' +
  'if that is lost, restart the proxy with --accept-epoch 7 to go on without it'
const BROKEN = outcomeUnknown(['dt-2']) as ErrorReply
const BROKEN_IN_SHORT =
  'the connection to dt-2 broke before the answer, or it refused the write, or it was not made equal to the others in time; read the key before you send the write again'
const DISK = error('MISCONF disk')

const CAUSES: readonly (readonly [ErrorReply, string])[] = [
  [AWAY, AWAY_IN_SHORT],
  [GONE, GONE_IN_SHORT],
  [BROKEN, BROKEN_IN_SHORT],
  [DISK, 'MISCONF disk'],
]

t.test(
  'what is under both names: nothing says that it was not applied, nor that it should be tried again',
  async (t) => {
    const value = `${UNKNOWN}the destination has the value, it is not certain that the source has not: `
    for (const [failure, cause] of CAUSES) {
      t.same(halfDone('value', failure.message), error(`${value}${cause}`))
    }
    t.match(halfDone('element', DISK.message), error(`${UNKNOWN}the destination has the element, it is not certain `))
  },
)

t.test('of what a script has left some was not written: the same', async (t) => {
  const some = `${UNKNOWN}1 of the 3 keys that the script wrote may not have what it left, the others have: `
  for (const [failure, cause] of CAUSES) t.same(notAllLeft([failure], 3), error(`${some}${cause}`))
  t.same(notAllLeft([AWAY, DISK], 2).message, `${some.replace('1 of the 3', '2 of the 2')}${AWAY_IN_SHORT}`)
})

t.test('of a script that wrote one key the error is that of its write', async (t) => {
  for (const [failure] of CAUSES) t.equal(notAllLeft([failure], 1), failure)
})
