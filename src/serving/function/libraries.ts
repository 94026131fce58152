import { lowerCase } from '../../base/ascii.js'
import { Glob } from '../../base/glob.js'
import { error, map, type Reply, set, simple } from '../../resp/encode.js'
import type { FunctionFacts, Library } from './library.js'

/** The libraries of clients, by their names; how they may change, in Redis's words [Redis functions.c]. */
export type Libraries = ReadonlyMap<string, Library>

/** What FUNCTION RESTORE does with the libraries that are there. */
export type Policy = 'append' | 'replace' | 'flush'

/** Of the name of a function so much counts. */
const NAME_BYTES_MAX = 64 * 1024

/** Names of functions are the same in any case of letters. */
export function functionKey(name: string | Buffer): string {
  return (typeof name === 'string' ? name : name.toString('latin1', 0, NAME_BYTES_MAX))
    .slice(0, NAME_BYTES_MAX)
    .toLowerCase()
}

/** Those with some more, or why that cannot be. */
export function joined(libraries: Libraries, more: readonly Library[], policy: Policy): readonly Library[] | Reply {
  const kept = new Map(policy === 'flush' ? [] : libraries)
  for (const { name } of more) {
    if (kept.has(name) && policy === 'append') return error(`ERR Library ${name} already exists`)
    kept.delete(name)
  }
  const taken = takenBy([...kept.values()])
  for (const { functions } of more) {
    const twice = functions.find(({ name }) => taken.has(functionKey(name)))
    if (twice !== undefined) return error(`ERR Function ${twice.name} already exists`)
  }
  return [...kept.values(), ...more]
}

/** Why two libraries of one payload cannot be together, as far as functions are concerned. */
export function collision(libraries: readonly Library[], next: Library): FunctionFacts | undefined {
  const taken = takenBy(libraries)
  return next.functions.find(({ name }) => taken.has(functionKey(name)))
}

function takenBy(libraries: readonly Library[]): Set<string> {
  return new Set(libraries.flatMap(({ functions }) => functions.map(({ name }) => functionKey(name))))
}

/** FUNCTION LIST, with the words behind it. */
export function listed(libraries: Libraries, words: readonly Buffer[]): Reply {
  let withCode = false
  let pattern: Buffer | undefined
  for (let i = 0; i < words.length; i++) {
    const word = lowerCase(words[i])
    if (word === 'withcode' && !withCode) withCode = true
    else if (word === 'libraryname' && pattern === undefined) {
      pattern = words[++i]
      if (pattern === undefined) return error('ERR library name argument was not given')
    } else return error(Buffer.concat([Buffer.from('ERR Unknown argument '), words[i]]))
  }
  const longest = [...libraries.keys()].reduce((most, { length }) => Math.max(most, length), 0)
  const glob = pattern === undefined ? undefined : new Glob(pattern, true, longest)
  const shown = [...libraries.values()].filter(({ name }) => glob?.matches(Buffer.from(name)) !== false)
  return shown.map(({ name, engine, source, functions }) => {
    const told = functions.map((each) =>
      map([
        ['name', each.name],
        ['description', each.description],
        ['flags', set(each.flags.map(simple))],
      ]),
    )
    const code: [Reply, Reply][] = withCode ? [['library_code', source]] : []
    return map([['library_name', name], ['engine', engine], ['functions', told], ...code])
  })
}
