import fc from 'fast-check'
import t from 'tap'
import { isOldForm } from '../../../src/command/options.js'
import { allRows } from '../../../src/command/table.js'
import { frameOf } from '../../../src/resp/frame.js'
import { broughtBy } from '../../../src/serving/script/prologue-rights.js'
import { oldWords } from '../../../src/serving/script/prologue-words.js'
import { type Script, wrap } from '../../../src/serving/script/script.js'
import { RawConnection, RealRedis } from '../../helpers/real-redis.js'

/*
 * While the members are of several kinds, what a script may call is decided before the server that executes it has the command, by
 * the same rule as outside of scripts: written once in TypeScript, and once in Lua.
 */

const real = await RealRedis.start()
t.teardown(() => real.stop())
const server = await RawConnection.open(real.port, 3)
t.teardown(() => server.close())

const words = oldWords(" may be unknown to dt-1, which is Redis 7.0.15, and it isn't applied", new Map())
const REFUSED = /an argument of '(.*?)' may be unknown to dt-1, which is Redis 7\.0\.15, and it isn't applied/

const loaded = new Map<string, Script>()

async function said(source: string, ...args: (Buffer | string)[]): Promise<string> {
  const script = loaded.get(source) ?? wrap(Buffer.from(source), 100_000, { rights: undefined, words })
  if (!loaded.has(source)) await server.ask('SCRIPT', 'LOAD', script.wrapped)
  loaded.set(source, script)
  const more = script.staysInside ? [] : ['0']
  return (await server.ask('EVALSHA', script.wrappedSha, '0', ...args, ...more, '')).toString('latin1')
}

const ANY = 'return redis.pcall(unpack(ARGV))'

t.test('what a script calls is refused when, and only when, it would be outside of scripts', async (t) => {
  const rows = allRows().filter(({ options, replicate }) => options !== undefined && replicate !== 'none')
  t.ok(rows.length > 20, `${rows.length} commands`)
  // What waits or is refused inside of scripts is refused as that; here it is only asked of the words.
  const commands = fc.constantFrom(...rows).chain((row) => {
    const texts = row.options!.words.map(({ text }) => text)
    const word = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('word', ...texts, ...texts.map((text) => text.toUpperCase())) },
      { weight: 3, arbitrary: fc.constantFrom('1', '2', '0', '-1', '1.5', '5-1', '5-*', '*', '=', '~', 'inf', '00') },
      { weight: 1, arbitrary: fc.constantFrom('k', 'v', 'nonsense', '', 'streams', 'ge\0t', 'nx\0y', 'GET') },
    )
    return fc.tuple(fc.constant(row), fc.array(word, { minLength: 1, maxLength: 9 }))
  })
  let refusals = 0
  await fc.assert(
    fc.asyncProperty(commands, async ([row, args]) => {
      const all = [...row.name.split('|'), ...args]
      const isRefused = REFUSED.exec(await said(ANY, ...all))?.[1] === row.name
      if (isRefused) refusals++
      if (isRefused === isOldForm(row, frameOf(all))) throw new Error(`${all.join(' ')}: ${isRefused}`)
    }),
    { numRuns: 3000, seed: 11 },
  )
  t.ok(refusals > 300, `${refusals} refused`)
})

t.test('a script whose commands can be read in its source asks as well, and knows numbers', async (t) => {
  t.match(await said("return redis.pcall('SET',KEYS[1] or 'k','v','IFEQ','v')"), REFUSED)
  t.match(await said("return redis.pcall('set','k','v','EX',10,'NX')"), /set|k/)
  t.notMatch(await said("return redis.pcall('set','k','v','EX',10,'NX')"), REFUSED)
  t.match(await said("return redis.pcall('XADD','s','KEEPREF','*','a',1)"), REFUSED)
  t.match(await said("redis.call('XADD','s','KEEPREF','*','a',1)"), REFUSED)
  t.notMatch(await said("return redis.pcall('XADD','s','MAXLEN','~',100,'*','KEEPREF',1)"), REFUSED)
  t.notMatch(await said("return redis.pcall('get','IFEQ')"), REFUSED)
})

t.test('a member may have any name', async (t) => {
  const refused = ' may be unknown to é–’9, which is Redis 7.0.15'
  const source = "return redis.pcall('SET','k','v','IFEQ','v')"
  const script = wrap(Buffer.from(source), 100_000, { rights: undefined, words: oldWords(refused, new Map()) })
  t.equal((await server.ask('SCRIPT', 'LOAD', script.wrapped)).toString(), `$40\r\n${script.wrappedSha}\r\n`)
  const more = script.staysInside ? [] : ['0']
  const reply = await server.ask('EVALSHA', script.wrappedSha, '0', ...more, '')
  t.match(reply.toString(), `an argument of 'set'${refused}`)
})

t.test('a call brings them to a function', async (t) => {
  t.equal(broughtBy(undefined, '{}'), 'return nil,nil,{}')
  t.equal(broughtBy({ user: 'u', rights: '{}', accesses: "''" }, undefined), "return {},'',nil")
})
