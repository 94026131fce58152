import { ANY_BYTE, ANY_TEXT, stepsOf } from '../base/glob.js'
import { luaText } from '../base/lua-text.js'
import { allRows } from '../command/table.js'
import { infoOf } from './command-rights.js'
import { accessOf } from './permission.js'
import { READ, type Selector } from './selector.js'
import type { User } from './user.js'

/** The rights of a user as a table of Lua, in which scripts look what they may do: see serving/script/prologue-rights. */
export function luaRightsOf(user: User): string {
  return `{${user.selectors.map(selectorTable).join(',')}}`
}

/** What commands do with their keys, as a text of Lua: of the first one, and of the others; and their arity. */
export function luaAccesses(): string {
  const lines = allRows().map(({ name, arity }) => {
    const specs = infoOf(name)?.keySpecs ?? []
    if (specs.length === 0) return `${name} 33 ${arity}`
    // The last one of SORT is where it stores, and what its patterns name comes before.
    const [first, last] = [specs[0], specs[specs.length - 1]].map((spec) => accessOf(spec.flags))
    return `${name} ${first}${last} ${arity}`
  })
  return luaText(`\n${lines.join('\n')}\n`)
}

function selectorTable(selector: Selector): string {
  const { commands, keys, channels, allKeys, allChannels } = selector
  const { byDefault, exceptions, firstArguments } = commands.parts
  const firsts = [...firstArguments].map(([name, words]) => {
    const allowed = words.map((word) => `[${luaText(word.toLowerCase())}]=true`)
    return `[${luaText(name)}]={${allowed.join(',')}}`
  })
  const keyPatterns = keys.flatMap(({ bytes, access }) => {
    const pattern = patternOf(bytes)
    return pattern === undefined ? [] : [`{${access},${pattern}}`]
  })
  const fields = [
    `d=${byDefault}`,
    `x={${[...exceptions].map((name) => `[${luaText(name)}]=true`).join(',')}}`,
    `f={${firsts.join(',')}}`,
    `k=${allKeys ? 'true' : `{${keyPatterns.join(',')}}`}`,
    `c=${allChannels ? 'true' : `{${channels.flatMap(({ bytes }) => patternOf(bytes) ?? []).join(',')}}`}`,
    `l={${channels.map(({ bytes }) => `[${luaText(bytes.toString('latin1'))}]=true`).join(',')}}`,
    `u=${selector.mayTouchAny(READ)}`,
  ]
  return `{${fields.join(',')}}`
}

/** Redis's pattern as one of Lua's that matches the same, but for an empty text; undefined when it matches nothing. */
function patternOf(glob: Buffer): string | undefined {
  let pattern = '^'
  for (const step of stepsOf(glob)) {
    if (step === ANY_TEXT) pattern += '.*'
    else if (step === ANY_BYTE) pattern += '.'
    else if (typeof step === 'number') pattern += escaped(step)
    else {
      const members = [...step.keys()].filter((byte) => step[byte] === 1)
      if (members.length === 0) return undefined
      pattern += members.length === 256 ? '.' : `[${members.map(escaped).join('')}]`
    }
  }
  return luaText(`${pattern}$`)
}

/** A byte in a pattern of Lua, in which a NUL would end it. */
function escaped(byte: number): string {
  if (byte === 0) return '%z'
  const letter = String.fromCharCode(byte)
  return /[A-Za-z0-9]/.test(letter) || byte > 127 ? letter : `%${letter}`
}
