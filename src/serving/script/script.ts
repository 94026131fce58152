import { createHash } from 'node:crypto'
import { allSpecs, isOfOneKey, specOf } from './command-specs.js'
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
  const facts = factsOf(body, isOfOneKey)
  const readsOnly = flags?.includes('no-writes') === true
  const isPlain = !['_G', 'load', 'loadstring', 'pcall', 'xpcall', 'getmetatable'].some((name) => facts.names.has(name))
  const specs = [...facts.commands].flatMap((name) => {
    const spec = specOf(name)
    return spec === undefined ? [] : [`[${quoted(name)}]='${spec}'`]
  })
  const { before, behind } = prologueOf({
    specs: `{${specs.join(',')}}`,
    all: facts.staysInside ? "''" : quoted(allSpecs()),
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
