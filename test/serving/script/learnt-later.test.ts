import t from 'tap'
import type { CommandInfo } from '../../../src/command/command-info.js'
import { learn } from '../../../src/command/table.js'
import { scriptsOf } from '../../../src/serving/function/library.js'
import { specOf } from '../../../src/serving/script/command-specs.js'
import { KeptScripts } from '../../../src/serving/script/kept-scripts.js'
import { shaOf, wrap } from '../../../src/serving/script/script.js'

/* Commands that the table does not know when a script is wrapped: a proxy that starts hears of what was loaded before it has asked its servers. */

const BYTES = 1000

function infoOf(name: string, more: Partial<CommandInfo>): CommandInfo {
  return {
    ...{ name, arity: -2, flags: ['write'], firstKey: 1, lastKey: 1, keyStep: 1, categories: [], tips: [] },
    ...{ keySpecs: [], subcommands: [], ...more },
  }
}

t.test('what learnt commands do in scripts, and where their keys are', async (t) => {
  const counted = (keystep: number) => ({
    ...{ firstKey: 0, lastKey: 0, keyStep: 0 },
    keySpecs: [
      {
        flags: ['OW', 'update'],
        beginSearch: { type: 'index', index: 1 } as const,
        findKeys: { type: 'keynum', keynumidx: 0, firstkey: 1, keystep } as const,
      },
    ],
  })
  learn([
    infoOf('x.write', {}),
    infoOf('x.grow', { flags: ['write', 'denyoom'] }),
    infoOf('x.read', { flags: ['readonly'] }),
    infoOf('x.wait', { flags: ['write', 'blocking'] }),
    infoOf('x.pairs', { flags: ['write', 'denyoom', 'movablekeys'], ...counted(2) }),
    infoOf('x.counted', { flags: ['write', 'movablekeys'], ...counted(1) }),
    infoOf('x.module', { flags: ['write', 'module'] }),
  ])
  const specs = ['write', 'grow', 'read', 'wait', 'pairs', 'counted', 'module'].map((name) => specOf(`x.${name}`))
  t.same(specs, ['c1', 'C1', 'r1', 'n-2:1', 'Cn1,2', 'cn1', 'n-2:1'])
})

t.test('a script knows the commands that were learnt after it was loaded', async (t) => {
  const kept = new KeptScripts({ scriptEffectsBytes: BYTES, loadedScriptsBytes: BYTES })
  const sources = ['evaluated', 'loaded'].map((how) => `return redis.call('y.${how}',KEYS[1])`)
  const [evaluated, loaded] = sources.map((source) => Buffer.from(source))
  kept.note(wrap(evaluated, BYTES))
  kept.learn(loaded)
  const before = [evaluated, loaded].map((source) => kept.get(shaOf(source))!)
  for (const { wrapped } of before) t.notMatch(String(wrapped), /y\.\w+'\]='/)
  learn([infoOf('y.evaluated', {}), infoOf('y.loaded', {})])
  const after = [evaluated, loaded].map((source) => kept.get(shaOf(source))!)
  t.same(
    after.map(({ wrapped }) => /\['(y\.\w+)'\]='c1'/.exec(String(wrapped))?.[1]),
    ['y.evaluated', 'y.loaded'],
  )
  t.equal(kept.get(shaOf(loaded)), after[1], 'it is wrapped anew once')
  t.equal(kept.size, 2)
})

t.test('a library that is wrapped anew is another one to the servers', async (t) => {
  const source = Buffer.from(
    "#!lua name=l\nredis.register_function('f',function(k) return redis.call('z.late',k[1]) end)",
  )
  const library = { source, functions: [{ name: 'f', description: null, flags: [] }], loading: '' }
  const [before] = scriptsOf(library, BYTES)
  learn([infoOf('z.late', {})])
  const [after] = scriptsOf(library, BYTES)
  t.not(after.wrappedSha, before.wrappedSha)
  t.match(String(after.wrapped), /\['z\.late'\]='c1'/)
})
