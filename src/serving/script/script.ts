import { createHash } from 'node:crypto'
import { allSpecs, isShort, keysIn, specOf } from './command-specs.js'
import { factsOf } from './lua-facts.js'
import { prologueOf } from './prologue.js'

/** A client's script, and what the servers get instead. */
export interface Script {
  /** As clients call it: 40 hexadecimal digits. */
  readonly sha: string
  readonly source: Buffer
  readonly wrapped: Buffer
  readonly wrappedSha: string
  /** It can touch no other keys than those that were declared. */
  readonly staysInside: boolean
  /** It says of itself that it writes nothing: the servers see to that. */
  readonly readsOnly: boolean
  /** Whether it may run without memory: undefined when it does not say, and then each of its commands is asked. */
  readonly allowsOom: boolean | undefined
}

const SHEBANG = /^#![^\n]*\n/
const FLAGS = /^#!.*\sflags=(\S*)/

/** The SHA1 of a source, as Redis calls a script. */
export function shaOf(source: Buffer): string {
  return createHash('sha1').update(source).digest('hex')
}

/**
 * Wraps a script that a server has compiled: the prologue is put on its first line, behind a shebang, and the script becomes a function.
 *
 * @param maxBytes see `Needs`
 */
export function wrap(source: Buffer, maxBytes: number): Script {
  const text = source.toString('latin1')
  const shebang = SHEBANG.exec(text)?.[0] ?? ''
  const body = text.slice(shebang.length)
  const flags = shebang === '' ? undefined : (FLAGS.exec(shebang)?.[1] ?? '').split(',')
  const facts = factsOf(body, keysIn)
  const readsOnly = flags?.includes('no-writes') === true
  const isPlain = !['_G', 'load', 'loadstring', 'pcall', 'xpcall', 'getmetatable'].some((name) => facts.names.has(name))
  const specs = [...facts.commands].flatMap((name) => {
    const spec = specOf(name)
    // Where all arguments of a command are of KEYS, nobody needs to know which of them are keys.
    if (spec !== undefined) return [{ name, spec: facts.staysInside ? spec.replace(/1,-1,1$/, '1') : spec }]
    return []
  })
  const isKnown = facts.isLiteral && specs.length === facts.commands.size
  const { before, behind } = prologueOf({
    specs: specs.map(({ name, spec }) => ({ name: quoted(name), spec })),
    all: isPlain && isKnown && specs.every(({ spec }) => spec !== 'C') ? "''" : quoted(allSpecs()),
    isShort: isPlain && isKnown && specs.every(({ spec }) => isShort(spec)),
    fields: isPlain && !facts.fields?.has('set_repl') ? facts.fields : undefined,
    staysInside: facts.staysInside,
    readsOnly,
    maxBytes,
  })
  let bracketed = ''
  let from = 0
  for (const { open, close } of facts.brackets) {
    bracketed += `${body.slice(from, open)} (${body.slice(open, close)})`
    from = close
  }
  const wrapped = Buffer.from(`${shebang}${before}${bracketed}${body.slice(from)}${behind}`, 'latin1')
  return {
    sha: shaOf(source),
    source,
    wrapped,
    wrappedSha: shaOf(wrapped),
    staysInside: facts.staysInside,
    readsOnly,
    allowsOom: flags?.includes('allow-oom'),
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
}
