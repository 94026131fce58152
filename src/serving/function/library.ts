import { rowsCount } from '../../command/table.js'
import { splitInline } from '../../resp/split-inline.js'
import { allSpecs, keysIn, specOf } from '../script/command-specs.js'
import { factsOf } from '../script/lua-facts.js'
import { HANDLER, linesOf, SHADOWED } from '../script/prologue.js'
import { bracketed, nothingLearnt, notIn, quoted, type Script, shaOf } from '../script/script.js'

/** What a function says of itself. */
export interface FunctionFacts {
  readonly name: string
  readonly description: Buffer | null
  readonly flags: readonly string[]
}

/** A client's library, as servers have compiled it. */
export interface Library {
  readonly name: string
  readonly engine: string
  /** When it was loaded: loaded again, its functions know nothing of what they had in variables of the library. */
  readonly loading: string
  /** With its first line, `#!lua name=…`. */
  readonly source: Buffer
  readonly functions: readonly FunctionFacts[]
}

/** Before the names that libraries and functions have on servers: no client calls them so. */
const WRAPPED = 'dt_x_'

/** An error handler as Redis's own, which functions cannot reach; it finds the place by the text that `error` puts before a message. */
const OWN_HANDLER = `
local match,error,rp,type,tostring=string.match,error,pcall,type,tostring
local function $handler(e)
local _,w=rp(error,'',3)
if w=='' then _,w=rp(error,'',4) end
if type(e)~='table' then e={err='ERR '..tostring(e)} end
local s,l=match(w,'^(.*):(%d+): $')
if s then rp(function() e.source=match(s,'^%[string "(.*)"%]$') or '@'..s e.line=l end) end
return e
end
`

/** What a server's `redis`, which is R, has while a library is loaded, beside `register_function`. */
const WHILE_LOADED =
  'log=R.log,LOG_DEBUG=R.LOG_DEBUG,LOG_VERBOSE=R.LOG_VERBOSE,LOG_NOTICE=R.LOG_NOTICE,LOG_WARNING=R.LOG_WARNING,REDIS_VERSION=R.REDIS_VERSION,REDIS_VERSION_NUM=R.REDIS_VERSION_NUM'

/**
 * While the library is loaded `redis` is the server's, with a way to register functions that puts the prologue around them; while one
 * of them runs it is what the prologue gives. (While it is loaded there is nothing else than `redis`.)
 */
const REGISTER = `
local ${SHADOWED}=redis
do
local R,reg,N=redis,redis.register_function,$names
local D={${WHILE_LOADED}}
local function wrapped(f) return function(K,A)
local w
w,redis,_G,load,loadstring,pcall,xpcall=$make(K,A)
local r=w(function() return f(K,A) end)
redis=D
return r
end end
D.register_function=function(a,f)
if f==nil then return reg({function_name=N[a.function_name],callback=wrapped(a.callback),flags=a.flags}) end
return reg(N[a],wrapped(f))
end
redis=D
end
`

/**
 * The name in the first line of a library; undefined where a server has to say what is wrong with it.
 * [Redis functions.c functionExtractLibMetaData]
 */
export function headOf(source: Buffer): string | undefined {
  const at = source.indexOf(0x0a)
  if (at < 0 || source.toString('latin1', 0, 2) !== '#!' || source.subarray(0, at).includes(0)) return undefined
  const [engine, ...rest] = splitInline(source.subarray(0, at)) ?? []
  if (engine === undefined || engine.latin1Slice(2).toLowerCase() !== 'lua' || rest.length !== 1) return undefined
  return /^name=(\w+)$/i.exec(rest[0].toString('latin1'))?.[1]
}

/** In the error that a server answers to `watchingNames` of a library that gives two functions names that differ in case alone. */
export const SAME_NAME = 'dt_same_name_twice'

/** Registers each function under another name, and calls nothing when there are two names that differ in case alone. */
const WATCHING = `
local redis=redis
do
local R,S,n=redis,{},0
redis={${WHILE_LOADED}}
redis.register_function=function(a,f)
local name=a
if f==nil then name=a.function_name f=a.callback end
local k=(name..''):lower()
if S[k] and S[k]~=name then local ${SAME_NAME} ${SAME_NAME}() end
S[k]=name
n=n+1
R.register_function('$name_'..n,f)
end
end
`

/**
 * A form of a library that a server refuses, naming `SAME_NAME`, when it gives two functions names that differ in case alone: servers find
 * functions in any case of letters [redis-facts How writes replicate].
 */
export function watchingNames(source: Buffer, name: string): Buffer {
  const at = source.indexOf(0x0a) + 1
  const lines = WATCHING.replaceAll('\n', ' ').replace('$name', name)
  return Buffer.concat([Buffer.from(`#!lua name=${name}\n${lines}`), source.subarray(at)])
}

/** A library whose name is taken by nobody, for the word of a server on it. */
export function withName(source: Buffer, name: string): Buffer {
  return Buffer.concat([Buffer.from(`#!lua name=${name}`), source.subarray(source.indexOf(0x0a))])
}

/**
 * What the servers get instead of the functions of a library: they are called, and answer, as scripts do.
 *
 * @param maxBytes of effects of a function; beyond it its keys are copied
 */
export function scriptsOf(
  { source, functions, loading }: Pick<Library, 'source' | 'functions' | 'loading'>,
  maxBytes: number,
  isTrial = false,
): readonly Script[] {
  const body = source.toString('latin1', source.indexOf(0x0a) + 1)
  const facts = factsOf(body, keysIn)
  const specs = [...facts.commands].flatMap((name) => {
    const spec = specOf(name)
    return spec === undefined ? [] : [{ name: quoted(name), spec }]
  })
  const lines = linesOf({
    specs,
    all: quoted(allSpecs()),
    isShort: false,
    fields: undefined,
    staysInside: false,
    isTrial,
    rights: 'brought',
    words: 'brought',
    readsOnly: functions.every(isReading),
    maxBytes,
  })
  // The library must not reach what runs its functions: no name of its own.
  const [named, handler] = ['dt__make', 'dt__handler'].map((name) => notIn(body, name))
  const own = OWN_HANDLER.replace('$handler', handler)
  const make = `local ${named}=function(KEYS,ARGV) local rawget=rawget ${own}${lines.replace(HANDLER, handler)} end`
  const library = `${WRAPPED}${shaOf(Buffer.concat([source, Buffer.from(make + REGISTER + loading)]))}`
  const nameOf = (name: string) => `${library}_${name.toLowerCase()}`
  const names = functions.map(({ name }) => `${name}='${nameOf(name)}'`)
  const register = REGISTER.replace('$names', () => `{${names.join(',')}}`).replace('$make', named)
  const before = (make + register).replaceAll('\n', ' ')
  let trials: readonly Script[] | undefined
  const wrapped = Buffer.from(`#!lua name=${library}\n${before}${bracketed(body, facts.brackets)}`, 'latin1')
  return functions.map((each, i) => ({
    ...{
      sha: each.name,
      source,
      wrapped,
      wrappedSha: nameOf(each.name),
      library,
      staysInside: false,
      keyPlaces: undefined,
    },
    ...{ readsOnly: isReading(each), allowsOom: isReading(each) || each.flags.includes('allow-oom') },
    effectsBytes: maxBytes,
    rowsKnown: rowsCount(),
    learnt: nothingLearnt(),
    rights: undefined,
    words: undefined,
    trial: () => (trials ??= scriptsOf({ source, functions, loading }, maxBytes, true))[i],
  }))
}

function isReading({ flags }: FunctionFacts): boolean {
  return flags.includes('no-writes')
}
