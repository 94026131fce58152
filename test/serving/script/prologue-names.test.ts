import t from 'tap'
import { linesOf, type Needs, NONE } from '../../../src/serving/script/prologue.js'

/*
 * A prologue is put together of parts in one function of Lua, in which the last `local` of a name hides the ones before it from what
 * stands behind. What each kind of script needs is compiled elsewhere; here no part hides another one's names.
 */

const RIGHTS = { user: 'somebody', rights: '{}', accesses: '{}' }
const BLOCKS = new Set(['function', 'do', 'then', 'repeat'])
const ENDS = new Set(['end', 'until', 'elseif'])
/** Lua 5.1, llimits.h. */
const LOCALS_MAX = 200

/** The names that are local to the whole of it, in order. */
function localsOf(lua: string): string[] {
  const words = lua.replace(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"/g, "''").match(/[A-Za-z_]\w*|[^\s\w]/g) ?? []
  const names: string[] = []
  let depth = 0
  for (const [i, word] of words.entries()) {
    if (BLOCKS.has(word)) depth++
    // What is behind ELSE is another block in the place of the one before.
    else if (ENDS.has(word)) depth--
    else if (word === 'local' && depth === 0) {
      let at = words[i + 1] === 'function' ? i + 2 : i + 1
      names.push(words[at])
      for (; words[at + 1] === ','; at += 2) names.push(words[at + 2])
    }
  }
  if (depth !== 0) throw new Error(`${depth} blocks are open at the end`)
  return names
}

const each = [false, true]
/** Of a function each call brings both. */
const BROUGHT = [
  [undefined, undefined],
  [undefined, '{}'],
  [RIGHTS, undefined],
  [RIGHTS, '{}'],
  ['brought', 'brought'],
] as const
const all: [string, Needs][] = []
for (const isShort of each)
  for (const staysInside of each)
    for (const isTrial of staysInside ? [false] : each)
      for (const readsOnly of each)
        for (const [rights, words] of BROUGHT)
          for (const fields of [undefined, new Set(['call', 'acl_check_cmd'])]) {
            const needs = { isShort, staysInside, isTrial, readsOnly, rights, words, fields }
            const specs = [{ name: "'sort'", spec: 'oSORT' }]
            all.push([JSON.stringify(needs), { ...needs, specs, all: isShort ? NONE : "''", maxBytes: 1 }])
          }

t.test('no part of a prologue hides what another one has named', async (t) => {
  for (const [title, needs] of all) {
    const names = localsOf(linesOf(needs))
    const twice = names.filter((name, i) => names.indexOf(name) !== i)
    if (twice.length > 0 || names.length >= LOCALS_MAX) t.fail(`${title}: ${twice} of ${names.length}`)
  }
  t.ok(all.length > 100)
})

t.test('a name that is hidden would be found', async (t) => {
  t.same(localsOf("local a,b=1,'local z' local function f(c) local d if a then local e end end local b"), [
    'a',
    'b',
    'f',
    'b',
  ])
})
