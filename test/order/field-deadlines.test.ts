import t from 'tap'
import { FieldExpirations } from '../../src/backend/field-expirations.js'
import type { Link } from '../../src/backend/link.js'
import { hasRemovedFields, haveFieldDeadlines, LoneMembers } from '../../src/order/field-deadlines.js'
import { error, type Reply } from '../../src/resp/encode.js'

const ID = '0:h'
const FOR_EVER = -1
const GONE = -2

interface Copy {
  /** What is there, with its deadlines. */
  readonly fields: Readonly<Record<string, number>>
  /** How many there are besides that have expired and were not removed. */
  readonly expired?: number
  /** It has said that fields have expired. */
  readonly said?: boolean
  readonly version?: string
  readonly isString?: boolean
}

function member(name: string, { fields, expired = 0, said = false, version = '8.6.3', isString = false }: Copy): Link {
  const expirations = { fields: new FieldExpirations() }
  if (said) expirations.fields.note(ID, performance.now())
  const names = Object.keys(fields).map((field) => Buffer.from(field))
  const answer = (command: string, ...asked: string[]): Reply => {
    if (isString) return error('WRONGTYPE no hash')
    if (command === 'HLEN') return names.length + expired
    if (command === 'HSCAN') return [Buffer.from(names.length < 100 ? '0' : '7'), names]
    return asked.map((field) => fields[field] ?? GONE)
  }
  return {
    ...{ name, expirations, clockOffsetMs: 0, info: { kind: { product: 'Redis', version, modules: [] } } },
    call: async ([command, , ...rest]: (string | Buffer)[]) =>
      answer(String(command), ...rest.slice(command === 'HPEXPIRETIME' ? 2 : 0).map(String)),
  } as unknown as Link
}

/** Who is told of when the first of these copies stood alone. */
async function toldOf(alone: Copy, ...others: readonly Copy[]): Promise<string[]> {
  const told: string[] = []
  const lone = new LoneMembers({ active: 0 } as never, (name) => told.push(name))
  const links = [alone, ...others].map((copy, i) => member(`dt-${i + 1}`, copy))
  lone.note(links[0], lone.inquire([ID], links))
  await new Promise((resolve) => setTimeout(resolve, 5))
  return told
}

t.test('of servers without such deadlines whoever stands alone is told of, and nobody is asked', async (t) => {
  const told: string[] = []
  const lone = new LoneMembers({} as never, (name) => told.push(name))
  const links = ['a', 'b', 'c'].map((name) => member(name, { fields: {}, version: '7.0.15' }))
  lone.note(links[1], lone.inquire([ID], links))
  t.same(told, ['b'])
  t.notOk(hasRemovedFields(links[0], [ID]))
  t.notOk(haveFieldDeadlines([member('d', { fields: {} }), links[0]]))
})

t.test('a copy of which fields have expired is none that has lost something', async (t) => {
  const f = { f: FOR_EVER }
  t.same(await toldOf({ fields: f, said: true }, { fields: f }, { fields: f }), [], 'it has removed one')
  t.same(await toldOf({ fields: f }, { fields: f, said: true }, { fields: f, said: true }), [], 'the others have')
  t.same(await toldOf({ fields: f, expired: 1 }, { fields: f }, { fields: f }), [], 'it has one that nobody removed')
  t.same(await toldOf({ fields: {} }, { fields: {}, said: true }, { fields: {} }), [], 'nothing is left of the hash')
  const soon = { f: FOR_EVER, g: Date.now() + 100 }
  t.same(await toldOf({ fields: f, said: true }, { fields: soon }, { fields: soon }), [], 'one that expires just now')
})

t.test('one that lacks what does not expire has lost it, whatever has expired', async (t) => {
  const [f, both] = [{ f: FOR_EVER }, { f: FOR_EVER, g: FOR_EVER }]
  const later = { f: FOR_EVER, g: Date.now() + 1_000_000 }
  t.same(await toldOf({ fields: f }, { fields: f }, { fields: f }), ['dt-1'], 'nothing has expired')
  t.same(await toldOf({ fields: {}, said: true }, { fields: f, said: true }, { fields: f }), ['dt-1'], 'all is gone')
  t.same(await toldOf({ fields: f, said: true }, { fields: both }, { fields: both }), ['dt-1'], 'a field is gone')
  t.same(await toldOf({ fields: f, said: true }, { fields: later }, { fields: later }), ['dt-1'], 'one with a deadline')
  t.same(await toldOf({ fields: f, said: true }, { fields: both }, { fields: f }), [], 'the others do not both have it')
  t.same(await toldOf({ fields: {}, isString: true }, { fields: {} }, { fields: {} }), ['dt-1'], 'it is no hash')
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`f${i}`, FOR_EVER]))
  t.same(await toldOf({ fields: {}, said: true }, { fields: many }, { fields: many }), ['dt-1'], 'of many all are gone')
  t.same(
    await toldOf({ fields: many, said: true }, { fields: many }, { fields: many }),
    [],
    'of many some are looked at',
  )
})

t.test('what was said is remembered for a while, of the last keys', async (t) => {
  const fields = new FieldExpirations()
  fields.note('0:a', 1000)
  t.ok(fields.saidWithin('0:a', 3000, 4000))
  t.notOk(fields.saidWithin('0:a', 3000, 4001))
  t.notOk(fields.saidWithin('0:b', 3000, 1000))
  for (let i = 0; i < 250_000; i++) fields.note(`0:${i}`, 2000)
  t.notOk(fields.saidWithin('0:a', 3000, 2000), 'others have come since')
  t.ok(fields.saidWithin('0:249999', 3000, 2000))
})
