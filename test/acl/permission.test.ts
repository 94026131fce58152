import fc from 'fast-check'
import t from 'tap'
import { commandsOf } from '../../src/acl/command-rights.js'
import { denialOf } from '../../src/acl/permission.js'
import { User } from '../../src/acl/user.js'
import type { CommandInfo, KeySpec } from '../../src/command/command-info.js'
import { keyReferences } from '../../src/command/introspection-keys.js'
import { findKeys } from '../../src/command/keys.js'
import { learn, rowNamed } from '../../src/command/table.js'
import { frameOf } from '../../src/resp/frame.js'

/** A user who may execute all commands, on keys that begin with `a`. */
function userOfA(): User {
  const user = new User('u', { allChannels: true })
  for (const rule of ['on', 'nopass', '+@all', '~a*']) t.equal(user.apply(Buffer.from(rule)), undefined)
  return user
}

/** The places of keys that one specification can tell, as newer servers have them: several steps, and what comes before. */
const specs = fc.record({
  index: fc.integer({ min: 1, max: 3 }),
  step: fc.integer({ min: 1, max: 4 }),
  counted: fc.boolean(),
})

function infoOf(
  name: string,
  { index, step, counted }: { index: number; step: number; counted: boolean },
): CommandInfo {
  const spec: KeySpec = {
    flags: ['OW', 'update'],
    beginSearch: { type: 'index', index },
    findKeys: counted
      ? { type: 'keynum', keynumidx: 0, firstkey: 1, keystep: step }
      : { type: 'range', lastkey: -1, keystep: step, limit: 0 },
  }
  return {
    ...{ name, arity: -2, flags: counted ? ['write', 'movablekeys'] : ['write'], categories: [], tips: [] },
    ...(counted ? { firstKey: 0, lastKey: 0, keyStep: 0 } : { firstKey: index, lastKey: -1, keyStep: step }),
    ...{ keySpecs: [spec], subcommands: [] },
  }
}

t.test('of a learnt command the same keys are shown, asked about and used, whatever stands between them', (t) => {
  const user = userOfA()
  let learnt = 0
  fc.assert(
    fc.property(specs, fc.integer({ min: 1, max: 5 }), fc.nat(), (spec, count, chosen) => {
      const info = infoOf(`new.command${learnt++}`, spec)
      learn([info])
      const row = rowNamed(info.name)!
      const keys = Array.from({ length: count }, (_, i) => [`a${i}`, ...Array(spec.step - 1).fill('value')])
      const before = Array(spec.index - 1).fill('x')
      const args = [info.name, ...before, ...(spec.counted ? [String(count)] : []), ...keys.flat()]
      const places: number[] = []
      const found = findKeys(row, frameOf(args), places)
      if (found !== count) return false
      const shown = keyReferences(
        info,
        args.map((arg) => Buffer.from(arg)),
      ).map(({ index }) => index)
      if (JSON.stringify(shown) !== JSON.stringify(places.slice(0, found))) return false
      if (denialOf(user, row, frameOf(args)) !== undefined) return false
      const foreign = places[chosen % count]
      args[foreign] = 'b'
      const denial = denialOf(user, row, frameOf(args))
      return denial?.reason === 'key' && denial.at === foreign
    }),
    { numRuns: 500 },
  )
  t.end()
})

t.test('what a key is used for that depends on more than is known is asked about as reading and writing', async (t) => {
  const info = infoOf('new.variable', { index: 1, step: 1, counted: false })
  learn([{ ...info, keySpecs: [{ ...info.keySpecs[0], flags: ['RW', 'delete', 'variable_flags'] }] }])
  const denied = (rule: string) => {
    const user = new User('u', { allChannels: true })
    for (const each of ['on', 'nopass', '+@all', rule]) user.apply(Buffer.from(each))
    return denialOf(user, rowNamed('new.variable')!, frameOf(['NEW.VARIABLE', 'k']))?.reason
  }
  t.equal(denied('%W~*'), 'key')
  t.equal(denied('%RW~*'), undefined)
})

t.test('a subcommand that is learnt is of the categories that its server says', async (t) => {
  const info = {
    ...infoOf('script|shown', { index: 1, step: 1, counted: false }),
    keySpecs: [],
    firstKey: 0,
    lastKey: 0,
  }
  learn([{ ...info, flags: [], categories: ['@slow', '@scripting'] }])
  t.ok(commandsOf('scripting')?.includes('script|shown'))
  const denied = (...rules: string[]) => {
    const user = new User('u', { allChannels: true })
    for (const each of ['on', 'nopass', ...rules]) user.apply(Buffer.from(each))
    return denialOf(user, rowNamed('script|shown')!, frameOf(['SCRIPT', 'SHOWN', 'x']))?.reason
  }
  t.equal(denied('+@all', '-@scripting'), 'command')
  t.equal(denied('+@all', '-@slow'), 'command')
  t.equal(denied('+@all', '-script'), 'command')
  t.equal(denied('+@all', '-@hash'), undefined)
  t.equal(denied('+script'), undefined)
  t.equal(denied('+@scripting'), undefined)
  t.equal(denied('+@all', '-@scripting', '+script|shown'), undefined)
})

t.test('of our own commands those that change something, or show what others have sent, are dangerous', async (t) => {
  const ofOurs = (category: string) => commandsOf(category)?.filter((name) => name.startsWith('dt|')) ?? []
  const changing = ['add', 'bigkeys', 'cancel', 'hotkeys', 'reload', 'remove', 'slowlog', 'verify']
  const looking = ['doctor', 'events', 'locate', 'migrations', 'nodes', 'plan', 'proxies', 'ring', 'view']
  t.same(
    ofOurs('dangerous').sort(),
    changing.map((name) => `dt|${name}`),
  )
  t.same(
    ofOurs('read')
      .filter((name) => name !== 'dt|help')
      .sort(),
    looking.map((name) => `dt|${name}`),
  )
  const isDenied = (name: string, ...rules: string[]) => {
    const user = new User('u', { allChannels: true })
    for (const each of ['on', 'nopass', ...rules]) user.apply(Buffer.from(each))
    return denialOf(user, rowNamed(`dt|${name}`)!, frameOf(['DT', name, 'x']))?.reason === 'command'
  }
  for (const name of changing) {
    t.ok(isDenied(name, '+@all', '-@dangerous'), name)
    t.ok(isDenied(name, '+@all', '-@admin'), name)
    t.notOk(isDenied(name, '+@all', '-@dangerous', `+dt|${name}`), name)
  }
  for (const name of looking) {
    t.notOk(isDenied(name, '+@all', '-@dangerous'), name)
    t.ok(isDenied(name, '+@all', '-@admin'), name)
  }
})

t.test(
  'rules that were given before a command was learnt count for it, too: a proxy that starts has them first',
  async (t) => {
    const given = (...rules: string[]) => {
      const user = new User('u', { allChannels: true })
      for (const each of ['on', 'nopass', '~*', ...rules]) t.equal(user.apply(Buffer.from(each)), undefined)
      return user
    }
    const users: [User, boolean][] = [
      [given('+@all', '-@hash'), false],
      [given('+@all', '-@write'), false],
      [given('+@all', '-@string'), true],
      [given('+@all', '-@hash', '+@write'), true],
      [given('+@write', '-@hash'), false],
      [given('+@hash', '+get|x'), true],
      [given('+get'), false],
      [given('+@all', '-@hash', '+@all'), true],
    ]
    const before = users.map(([user]) => user.describe().toString())
    const info = infoOf('h.later', { index: 1, step: 1, counted: false })
    learn([{ ...info, flags: ['write'], categories: ['@write', '@hash', '@slow'] }])
    for (const [i, [user, may]] of users.entries()) {
      t.equal(denialOf(user, rowNamed('h.later')!, frameOf(['H.LATER', 'k'])) === undefined, may, before[i])
    }
  },
)
