import t from 'tap'
import { isOwn } from '../../src/command/own-commands.js'
import { allRows, rowNamed } from '../../src/command/table.js'
import { cases } from './cases/index.js'
import { Pair } from './pair.js'
import { parseScript } from './script.js'

/** Commands that Redis 7.0 does not have; test/client/commands is about them. */
const isOurs = (name: string) => /^client\|(setinfo|no-touch)$/.test(name) || isOwn(name)

const pair = await Pair.start(t)
/** No key has a copy. */
const apart = await Pair.start(t, { replicas: 0 })

t.test('every supported command has a case', async (t) => {
  const isServed = (route: string) => route !== 'unsupported' && route !== 'refused'
  const supported = allRows().flatMap(({ name, route }) => (!isServed(route) || isOurs(name) ? [] : [name]))
  const written = Object.keys(cases)
  t.same(
    supported.filter((name) => !written.includes(name)),
    [],
    'supported without a case',
  )
  t.same(
    written.filter((name) => !supported.includes(name)),
    [],
    'cases without a supported command',
  )
})

/** The same scripts, of which the keys have no {tag} in common: they are on several servers, which have some of them in common, or none. */
const scattered = Object.entries(cases).flatMap(([name, script]) => {
  const row = rowNamed(name)
  const isServed = row?.plan !== undefined || row?.gather !== undefined || row?.waits !== undefined
  return isServed && script.includes('{t}') ? ([[name, script.replaceAll('{t}', '')]] as const) : []
})

const all = [
  ...Object.entries(cases).map(([name, script]) => ({ name, script, where: '', pair })),
  ...scattered.map(([name, script]) => ({ name, script, where: ' over several servers', pair })),
  ...scattered.map(([name, script]) => ({ name, script, where: ' over servers without copies', pair: apart })),
]

for (const { name, script, where, pair } of all) {
  t.test(`${name} answers and writes as Redis does${where}`, async (t) => {
    const lines = parseScript(script)
    t.ok(
      lines.some(({ args }) => args.slice(0, name.split('|').length).join('|').toLowerCase() === name),
      'its script has the command',
    )
    for (const proto of [2, 3] as const) {
      for (const pipelined of [false, true]) {
        await pair.flush()
        const startedMs = performance.now()
        const how = `RESP${proto}, ${pipelined ? 'pipelined' : 'one by one'}`
        t.equal((await pair.differences(lines, proto, pipelined)).join('\n'), '', `replies, ${how}`)
        t.equal((await pair.dataFaults(performance.now() - startedMs)).join('\n'), '', `data, ${how}`)
      }
    }
  })
}
