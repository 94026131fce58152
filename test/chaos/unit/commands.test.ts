import t from 'tap'
import { readReply } from '../../helpers/raw-reply.js'
import { ERROR_REPLY } from '../checkers/honesty.js'
import { encode, isRead, outcomeOf, type Plan } from '../commands.js'

const set: Plan = { workload: 'register', key: 'k', name: 'set', args: ['c1.1'] }
const get: Plan = { workload: 'register', key: 'k', name: 'get', args: [] }

const outcome = (plan: Plan, reply: string) => outcomeOf(plan, readReply(Buffer.from(reply, 'latin1')))

t.test('replies are told as values', async (t) => {
  t.strictSame(outcome(get, '$4\r\nc1.1\r\n'), { kind: 'ok', value: 'c1.1' })
  for (const nil of ['$-1\r\n', '_\r\n', '*-1\r\n']) t.strictSame(outcome(get, nil), { kind: 'ok', value: null })
  t.strictSame(outcome(set, '+OK\r\n'), { kind: 'ok', value: 'OK' })
  const hash: Plan = { workload: 'hash', key: 'k', name: 'hgetall', args: [] }
  const flat = { kind: 'ok', value: ['f', 'c1.1'] }
  t.strictSame(outcome(hash, '%1\r\n$1\r\nf\r\n$4\r\nc1.1\r\n'), flat)
  t.strictSame(outcome(hash, '*2\r\n$1\r\nf\r\n$4\r\nc1.1\r\n'), flat)
})

t.test('a reply that the command cannot have is not taken for one', async (t) => {
  for (const reply of [':1\r\n', '+QUEUED\r\n', '$2\r\nno\r\n', '*0\r\n', '_\r\n']) {
    t.match(outcome(set, reply), { kind: 'unknown', reason: /^a reply that this command does not have/ })
  }
  t.equal(outcome(get, ':1\r\n').kind, 'unknown')
})

t.test('errors are told as what they say of the write', async (t) => {
  const kinds: [string, 'failed' | 'unknown'][] = [
    ['CLUSTERDOWN a server … was waited for 5000 ms; the command was not applied, try again', 'failed'],
    ["ERR 'spop' is not supported yet by this proxy", 'failed'],
    ['OOM command not allowed', 'failed'],
    ["ERR unknown command 'foo', with args beginning with: ", 'failed'],
    ['ERR the outcome of this write is unknown: the connection to dt-1 broke before the answer', 'unknown'],
    ['ERR internal error', 'unknown'],
  ]
  for (const [error, kind] of kinds) t.equal(outcome(set, `-${error}\r\n`).kind, kind, error)
  t.match(outcome(set, '-ERR internal error\r\n'), { reason: `${ERROR_REPLY}ERR internal error` })
  t.equal(outcome(get, '-ERR internal error\r\n').kind, 'failed', 'a read changes nothing')
})

t.test('some values are long, and every byte of them is looked at', async (t) => {
  let long = 0
  for (let i = 0; i < 300; i++) {
    const plan = { ...set, args: [`c1.${i}`] }
    const sent = encode(plan).toString('latin1')
    const value = sent.split('\r\n')[6]
    if (value.length > 10) long++
    const reply = `$${value.length}\r\n${value}\r\n`
    t.strictSame(outcome(get, reply), { kind: 'ok', value: `c1.${i}` })
    if (!value.includes('|')) continue
    const damaged = `${value.slice(0, -1)}#`
    t.match(outcome(get, `$${value.length}\r\n${damaged}\r\n`), { value: /^damaged:c1/ })
    t.match(outcome(get, `$${value.length - 1}\r\n${value.slice(1)}\r\n`), { value: /^(?!c1\.\d+$)/ })
  }
  t.ok(long > 10, `${long} of 300`)
})

t.test('what stands under a key that had a deadline', async (t) => {
  const look = (type: string): Plan => ({ workload: 'deadline', key: `${type}:0:1`, name: 'look', args: [1000] })
  const cases: [string, string, string][] = [
    ['hash', '*0\r\n', ''],
    ['hash', '*2\r\n$3\r\nnew\r\n$1\r\n1\r\n', 'new'],
    ['hash', '*4\r\n$3\r\nnew\r\n$1\r\n1\r\n$3\r\nold\r\n$1\r\n1\r\n', 'both'],
    ['set', '~1\r\n$3\r\nnew\r\n', 'new'],
    ['set', '~1\r\n$3\r\nold\r\n', 'both'],
    ['counter', '_\r\n', ''],
    ['counter', '$1\r\n1\r\n', 'new'],
    ['counter', '$4\r\n1001\r\n', 'both'],
    ['string', '$-1\r\n', ''],
    ['string', '$3\r\nnew\r\n', 'new'],
    ['string', '$3\r\nold\r\n', 'both'],
  ]
  for (const [type, reply, value] of cases) t.strictSame(outcome(look(type), reply), { kind: 'ok', value })
  t.ok(isRead(look('hash')))
  t.notOk(isRead({ ...look('hash'), name: 'aim' }))
})

t.test('keys are bytes', async (t) => {
  const sent = encode({ ...get, key: 'k\r\n\0\xff' })
  t.strictSame(sent, Buffer.from('*2\r\n$3\r\nGET\r\n$5\r\nk\r\n\0\xff\r\n', 'latin1'))
})
