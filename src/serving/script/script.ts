import { createHash } from 'node:crypto'
import type { ScriptRights } from '../../command/row.js'
import { rowsCount } from '../../command/table.js'
import { type ErrorReply, error } from '../../resp/encode.js'
import { allSpecs, isShort, keysIn, specOf } from './command-specs.js'
import { factsOf, type LuaFacts } from './lua-facts.js'
import { NONE, prologueOf } from './prologue.js'
import { Shapes } from './shapes.js'

/** A client's script, and what the servers get instead. */
export interface Script {
  /** As clients call it: 40 hexadecimal digits. */
  readonly sha: string
  readonly source: Buffer
  readonly wrapped: Buffer
  readonly wrappedSha: string
  /** It is a function of this library: `wrapped` is that, and `sha` and `wrappedSha` are names. */
  readonly library?: string
  /** The form of a function that takes back what it does. */
  readonly trial?: () => Script
  /** It can touch no other keys than those that were declared. */
  readonly staysInside: boolean
  /** It is the form for users who may do this. */
  readonly rights: ScriptRights | undefined
  /** It is the form for members of several kinds, whose commands may have these words: see `prologue-words`. */
  readonly words: string | undefined
  /** The places of KEYS that it touches at most, the first one is 0, where the source shows that. */
  readonly keyPlaces: ReadonlySet<number> | undefined
  /** It says of itself that it writes nothing: the servers see to that. */
  readonly readsOnly: boolean
  /** Whether it may run without memory: undefined when it does not say, and then each of its commands is asked. */
  readonly allowsOom: boolean | undefined
  /** How much of what it does is said, at most. */
  readonly effectsBytes: number
  /** How many rows the table had when it was wrapped: it knows no commands that were learnt since. */
  readonly rowsKnown: number
  /** What is learnt of it while it runs. */
  readonly learnt: Learnt
}

/** A channel as a script has named it: an argument of its client, the first one behind the number of keys is 3, or always the same text. */
export interface Published {
  readonly command: Buffer
  readonly channel: number | Buffer
  /** How often it has stopped there. */
  seen: number
  /** How often in sequence it was expected there in vain. */
  missed: number
}

export interface Learnt {
  /** How often in sequence it has run without being stopped. */
  runs: number
  /** The form of it that takes back what it does, once it was needed. */
  trial: Script | undefined
  /** The places of KEYS that it has ever touched, the first one is 0; undefined before it has run on keys of several servers. */
  places: Set<number> | undefined
  /** So many keys it has had then at most: of the places behind these nothing is known. */
  placesSeen: number
  /** The places of ARGV that held keys which it touched without having declared them, and how often in sequence it has not. */
  readonly args: Map<number, number>
  /** How it makes names of other keys. */
  readonly shapes: Shapes
  /** Where it has published. */
  readonly published: Published[]
  /** The forms of it for users who may not do everything, and for members of several kinds, by what these may. */
  otherForms: Map<string, Script> | undefined
}

export function nothingLearnt(): Learnt {
  return {
    runs: 0,
    trial: undefined,
    places: undefined,
    placesSeen: 0,
    args: new Map(),
    shapes: new Shapes(),
    published: [],
    otherForms: undefined,
  }
}

/**
 * A longer source is not compiled: what is known of it is read from its tokens, all in one turn, and it is kept in several forms. (Longer ones
 * than 512 MB are none to Redis either, and what stands around it has to find room in that as well.)
 */
const SOURCE_BYTES_MAX = 1024 * 1024

/** What is said of a source that is too long; undefined of others. @param what in the plural */
export function tooLong(source: { readonly length: number }, what: string): ErrorReply | undefined {
  if (source.length <= SOURCE_BYTES_MAX) return undefined
  return error(
    `ERR this proxy takes ${what} of at most ${SOURCE_BYTES_MAX} bytes, and this one has ${source.length}; nothing was done`,
  )
}

const FREE = { rights: undefined, words: undefined }
/** So many other forms of a script are remembered. */
const FORMS_MAX = 64

/** The form of a script that asks what its user may, and what all members understand; the script itself where neither has to be asked. */
export function formUnder(
  script: Script,
  { rights, words }: Pick<Script, 'rights' | 'words'>,
  maxBytes: number,
): Script {
  if (rights === undefined && words === undefined) return script
  const forms = (script.learnt.otherForms ??= new Map())
  // A new text would have to be hashed anew.
  const what = rights === undefined ? words! : words === undefined ? rights.rights : rights.rights + words
  let form = forms.get(what)
  if (form === undefined) {
    if (forms.size >= FORMS_MAX) forms.clear()
    form = wrap(script.source, maxBytes, { rights, words })
    forms.set(what, form)
  }
  return form
}

const SHEBANG = /^#![^\n]*\n/
/** What is looked at of a source that may be too long. */
const BEGIN_BYTES = 4096
const FLAGS = /^#!.*\sflags=(\S*)/

/** What a script may say of itself behind `#!lua` [Redis script.c scripts_flags_def]. */
const KNOWN_FLAGS: ReadonlySet<string> = new Set([
  'no-writes',
  'allow-oom',
  'allow-stale',
  'no-cluster',
  'allow-cross-slot-keys',
])

/** Whether a source says that it writes nothing, in words that a server takes. */
export function saysItOnlyReads(source: Buffer): boolean {
  const shebang = SHEBANG.exec(source.toString('latin1', 0, BEGIN_BYTES))?.[0] ?? ''
  const flags = /^#!lua\s+flags=(\S*)\s*$/.exec(shebang)?.[1].split(',') ?? []
  return flags.includes('no-writes') && flags.every((flag) => KNOWN_FLAGS.has(flag))
}

/** The SHA1 of a source, as Redis calls a script. */
export function shaOf(source: Buffer): string {
  return createHash('sha1').update(source).digest('hex')
}

/**
 * Wraps a script that a server has compiled: the prologue is put on its first line, behind a shebang, and the script becomes a function.
 *
 * @param maxBytes see `Needs`
 * @param asked the rights of its user, who may not do everything; and the words that commands may have
 * @param isTrial see `prologue-keys`
 */
export function wrap(
  source: Buffer,
  maxBytes: number,
  asked: Pick<Script, 'rights' | 'words'> = FREE,
  isTrial = false,
): Script {
  const { rights, words } = asked
  const text = source.toString('latin1')
  const shebang = SHEBANG.exec(text)?.[0] ?? ''
  const body = text.slice(shebang.length)
  const flags = shebang === '' ? undefined : (FLAGS.exec(shebang)?.[1] ?? '').split(',')
  const facts = factsOf(body, keysIn)
  const staysInside = facts.staysInside && !isTrial
  const readsOnly = flags?.includes('no-writes') === true
  const isFree = rights === undefined && words === undefined
  const isPlain = !['_G', 'load', 'loadstring', 'pcall', 'xpcall', 'getmetatable'].some((name) => facts.names.has(name))
  const specs = [...facts.commands].flatMap((name) => {
    const spec = specOf(name)
    // Where all arguments of a command are of KEYS, nobody needs to know which of them are keys.
    if (spec !== undefined) return [{ name, spec: staysInside ? spec.replace(/1,-1,1$/, '1') : spec }]
    return []
  })
  const isKnown = facts.isLiteral && specs.length === facts.commands.size
  // Names that it may make up are searched for; those that stand in it are found at once.
  const others = isKnown
    ? []
    : [...facts.texts].filter((text) => !facts.commands.has(text) && specOf(text) !== undefined)
  specs.push(...others.map((name) => ({ name, spec: specOf(name)! })))
  const { before, behind } = prologueOf(
    {
      specs: specs.map(({ name, spec }) => ({ name: quoted(name), spec })),
      all: isFree && isPlain && isKnown && specs.every(({ spec }) => spec !== 'C') ? NONE : quoted(allSpecs()),
      isShort: isFree && isPlain && isKnown && specs.every(({ spec }) => isShort(spec)),
      fields: isPlain && !facts.fields?.has('set_repl') ? facts.fields : undefined,
      staysInside,
      isTrial,
      rights,
      words,
      readsOnly,
      maxBytes,
    },
    notIn(body, 'dt__whole'),
  )
  const wrapped = Buffer.from(`${shebang}${before}${bracketed(body, facts.brackets)}${behind}`, 'latin1')
  return {
    sha: shaOf(source),
    source,
    wrapped,
    wrappedSha: shaOf(wrapped),
    staysInside,
    keyPlaces: facts.keyPlaces,
    readsOnly,
    allowsOom: flags?.includes('allow-oom'),
    effectsBytes: maxBytes,
    rowsKnown: rowsCount(),
    learnt: nothingLearnt(),
    rights,
    words,
  }
}

/** A name that a source cannot name, whatever of it is a comment or a text. */
export function notIn(body: string, begin: string): string {
  let name = begin
  while (body.includes(name)) name += '_'
  return name
}

/** A source with brackets put in, see `LuaFacts`. */
export function bracketed(body: string, brackets: LuaFacts['brackets']): string {
  const marks = brackets.flatMap(({ open, close }) => [
    { at: open, mark: ' (' },
    { at: close, mark: ')' },
  ])
  // One may stand within another.
  marks.sort((one, other) => one.at - other.at)
  let text = ''
  let from = 0
  for (const { at, mark } of marks) {
    text += body.slice(from, at) + mark
    from = at
  }
  return text + body.slice(from)
}

/** As a text of Lua. */
export function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`
}
