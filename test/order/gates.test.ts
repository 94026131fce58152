import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { type KeyId, keyId } from '../../src/base/key-id.js'
import { type Claim, type Entry, Gates } from '../../src/order/gates.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { until } from '../helpers/until.js'

const idOf = (name: string, db = 0): KeyId => keyId(db, Buffer.from(name), 0, name.length)
const only = (...names: string[]): Claim => ({ ids: names.map((name) => idOf(name)), isShared: false })
const shared = (...names: string[]): Claim => ({ ...only(...names), isShared: true })
const ofDatabase = (db: number): Claim => ({ ids: [], isShared: false, isOfDatabase: (each) => each === db })

/** Longer than any test. */
const LONG_MS = 3_600_000
const never = () => {
  throw new Error('it is too late')
}

/** A queue in which everybody has a name; tells who was admitted, in this order. */
function queue(waitMs = LONG_MS) {
  const gates = new Gates()
  const entries = new Map<string, Entry>()
  const admitted: string[] = []
  const enter = (name: string, claim: Claim, ticket = gates.ticket()) => {
    const isAdmitted = (entry: Entry) => {
      admitted.push(name)
      entries.set(name, entry)
    }
    gates.enter(claim, ticket, performance.now() + waitMs, isAdmitted, () => admitted.push(`not ${name}`))
    return ticket
  }
  const leave = (name: string) => gates.leave(entries.get(name)!)
  return { gates, admitted, enter, leave }
}

t.test('a key is one operation’s, and then the next one’s', async (t) => {
  const { gates, admitted, enter, leave } = queue()
  enter('1', only('a', 'b'))
  enter('2', only('b', 'c'))
  enter('3', only('c'))
  enter('4', only('d'))
  t.same(admitted, ['1', '4'], 'the third stands behind the second, though its key is nobody’s')
  leave('1')
  t.same(admitted, ['1', '4', '2'])
  leave('2')
  t.same(admitted, ['1', '4', '2', '3'])
  leave('3')
  leave('4')
  t.equal(gates.active, 0)
})

t.test('those who read go together, and not past one who writes', async (t) => {
  const { admitted, enter, leave } = queue()
  enter('r1', shared('a'))
  enter('r2', shared('a', 'b'))
  enter('w', only('a'))
  enter('r3', shared('a'))
  enter('r4', shared('b'))
  t.same(admitted, ['r1', 'r2', 'r4'])
  leave('r1')
  t.same(admitted, ['r1', 'r2', 'r4'])
  leave('r2')
  t.same(admitted, ['r1', 'r2', 'r4', 'w'])
  leave('w')
  t.same(admitted, ['r1', 'r2', 'r4', 'w', 'r3'])
})

t.test('who writes one key and only reads another one shares that with others who do', async (t) => {
  const { admitted, enter, leave } = queue()
  const reading = (written: string, ...read: string[]): Claim => {
    return { ...only(written, ...read), onlyRead: new Set(read.map((name) => idOf(name))) }
  }
  enter('1', reading('d', 'a', 'b'))
  enter('2', reading('e', 'a', 'b'))
  enter('r', shared('a'))
  enter('w', only('a'))
  enter('3', reading('f', 'a'))
  enter('4', reading('d', 'b'))
  enter('5', reading('a', 'e'))
  t.same(admitted, ['1', '2', 'r'], 'the fourth writes what the first one does')
  leave('1')
  t.same(admitted, ['1', '2', 'r', '4'])
  leave('2')
  leave('r')
  t.same(admitted, ['1', '2', 'r', '4', 'w'])
  leave('w')
  t.same(admitted, ['1', '2', 'r', '4', 'w', '3'])
  leave('3')
  t.same(admitted, ['1', '2', 'r', '4', 'w', '3', '5'])
})

t.test('who still waits at his deadline leaves, and those behind him go on', async (t) => {
  const { gates, admitted, enter, leave } = queue(20)
  enter('r1', shared('a'))
  enter('w', only('a', 'b'))
  enter('r2', shared('a'))
  enter('other', only('b'))
  t.same(admitted, ['r1'])
  await until('he has left', () => admitted.includes('not w'))
  t.same(admitted, ['r1', 'r2', 'other', 'not w'])
  t.equal(gates.active, 3)
  await sleep(40)
  for (const name of ['r1', 'r2', 'other']) leave(name)
  t.equal(gates.active, 0, 'who was admitted has no deadline')
  enter('next', only('a', 'b'))
  t.equal(admitted.at(-1), 'next')
})

t.test('the same key twice is once', async (t) => {
  const { gates, admitted, enter, leave } = queue()
  enter('1', only('a', 'a'))
  leave('1')
  enter('2', only('a'))
  t.same(admitted, ['1', '2'])
  leave('2')
  leave('2')
  t.equal(gates.active, 0, 'whoever leaves twice has left')
})

t.test('a database is a claim on all its keys', async (t) => {
  const { gates, admitted, enter, leave } = queue()
  enter('a0', { ids: [idOf('a', 0)], isShared: true })
  enter('a1', { ids: [idOf('a', 1)], isShared: true })
  enter('flush', ofDatabase(0))
  enter('b0', { ids: [idOf('b', 0)], isShared: true })
  enter('b1', { ids: [idOf('b', 1)], isShared: true })
  enter('both', { ids: [idOf('c', 0), idOf('c', 1)], isShared: true })
  t.same(admitted, ['a0', 'a1', 'b1'])
  t.notOk(gates.isFree(shared('z')))
  leave('a0')
  t.same(admitted, ['a0', 'a1', 'b1', 'flush'])
  leave('flush')
  t.same(admitted, ['a0', 'a1', 'b1', 'flush', 'b0', 'both'])
})

t.test('whoever needs more leaves, and has its first place again', async (t) => {
  const { admitted, enter, leave } = queue()
  const ticket = enter('1', only('a'))
  enter('2', only('a', 'b'))
  enter('3', only('b'))
  leave('1')
  t.same(admitted, ['1', '2'])
  enter('1 again', only('a', 'b'), ticket)
  t.same(admitted, ['1', '2'], 'who was admitted goes first, whatever its ticket is')
  leave('2')
  t.same(admitted, ['1', '2', '1 again'], 'and then the lowest ticket')
  leave('1 again')
  t.same(admitted, ['1', '2', '1 again', '3'])
})

t.test('where certainly no gate is, is told by the identifier alone', async (t) => {
  const { gates, enter, leave } = queue()
  const at = (name: string) => gates.mayStandAt(identifierOfKey(Buffer.from(name), 0, name.length))
  t.notOk(at('a'))
  enter('1', only('a'))
  t.ok(at('a'))
  const names = Array.from({ length: 1000 }, (_, i) => `k${i}`)
  t.ok(names.filter(at).length < 5, 'for nearly all others there is none')
  enter('flush', ofDatabase(0))
  t.ok(names.every(at))
  leave('1')
  leave('flush')
  t.notOk(at('a'))
})

t.test('who leaves as soon as he is admitted lets a long queue go in one go', async (t) => {
  const gates = new Gates()
  const served: number[] = []
  let first: Entry | undefined
  const deadlineMs = performance.now() + LONG_MS
  const isFirst = (entry: Entry) => {
    first = entry
  }
  gates.enter(only('a'), gates.ticket(), deadlineMs, isFirst, never)
  for (let i = 0; i < 20_000; i++) {
    const isServed = (entry: Entry) => {
      served.push(i)
      gates.leave(entry)
    }
    gates.enter(i % 3 === 0 ? only('a') : shared('a'), gates.ticket(), deadlineMs, isServed, never)
  }
  t.same(served, [])
  gates.leave(first!)
  t.equal(gates.active, 0)
  t.same(
    served,
    Array.from({ length: 20_000 }, (_, i) => i),
  )
})

const KEYS = ['a', 'b', 'c', 'd'] as const
const claims = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ids: fc
        .subarray([...KEYS], { minLength: 1 })
        .chain((names) => fc.constantFrom(0, 1).map((db) => names.map((name) => idOf(name, db)))),
      isShared: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom(0, 1).map(ofDatabase) },
)
/** Somebody enters, one of those that were admitted leaves, or one of them leaves and enters anew with other keys. */
const actions = fc.oneof(
  { weight: 4, arbitrary: claims.map((claim) => ({ claim, which: -1 })) },
  { weight: 4, arbitrary: fc.nat(50).map((which) => ({ claim: undefined, which })) },
  { weight: 1, arbitrary: fc.tuple(claims, fc.nat(50)).map(([claim, which]) => ({ claim, which })) },
)

interface Known {
  readonly ticket: number
  readonly claim: Claim
  entry: Entry | undefined
}

function collide(one: Claim, other: Claim): boolean {
  const within = (claim: Claim, { ids }: Claim) =>
    claim.isOfDatabase !== undefined && ids.some((id) => claim.isOfDatabase!(Number(String(id)[0])))
  if (one.isOfDatabase !== undefined && other.isOfDatabase !== undefined) return true
  if (within(one, other) || within(other, one)) return true
  return !(one.isShared && other.isShared) && one.ids.some((id) => other.ids.includes(id))
}

t.test('of any who come and go, none waits who need not, and no two have the same', async () => {
  fc.assert(
    fc.property(fc.array(actions, { maxLength: 60 }), (steps) => {
      const gates = new Gates()
      const present: Known[] = []
      const enter = (claim: Claim, ticket: number) => {
        const known: Known = { ticket, claim, entry: undefined }
        present.push(known)
        const isAdmitted = (entry: Entry) => {
          known.entry = entry
        }
        gates.enter(claim, ticket, performance.now() + LONG_MS, isAdmitted, never)
      }
      const leave = (known: Known) => {
        present.splice(present.indexOf(known), 1)
        gates.leave(known.entry!)
      }
      const check = () => {
        if (gates.active !== present.length) throw new Error('somebody is forgotten')
        for (const one of present) {
          const before = present.filter((other) => other !== one && collide(one.claim, other.claim))
          const blocked = before.some(({ entry, ticket }) => entry !== undefined || ticket < one.ticket)
          if (one.entry !== undefined && before.some(({ entry }) => entry !== undefined)) throw new Error('two have it')
          if (one.entry === undefined && !blocked) throw new Error('one waits for nobody')
        }
      }
      for (const { claim, which } of steps) {
        const holding = present.filter(({ entry }) => entry !== undefined)
        if (which < 0) enter(claim!, gates.ticket())
        else if (holding.length > 0) {
          const known = holding[which % holding.length]
          leave(known)
          if (claim !== undefined) enter(claim, known.ticket)
        }
        check()
      }
      // In the end everybody has had a turn.
      for (let left = present.length; left > 0; left--) {
        const holding = present.find(({ entry }) => entry !== undefined)
        if (holding === undefined) throw new Error('all wait for each other')
        leave(holding)
        check()
      }
    }),
    { numRuns: 1000 },
  )
})
