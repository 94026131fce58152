import { createHash } from 'node:crypto'
import { fieldOf } from '../../resp/decode.js'
import { MapReply, type Reply } from '../../resp/encode.js'
import type { Library } from './library.js'

/*
 * How members keep what clients have loaded [design §7 Functions]: in function libraries of DT's own, which stand in AOF and RDB, and
 * which FLUSHALL does not touch. What is kept stands behind the code, so that the server does not read it.
 *
 *     dt_kept              whose they are, and which count: {"ring":…,"version":…,"generation":…,"libraries":[…],"settings":{…}}
 *     dt_f_<sha1>          a library of a client, with what its functions say of themselves
 *     dt_s_<generation>_<sha1>    a script that was loaded; SCRIPT FLUSH begins a new generation
 *     dt_x_…, dt_t_…       what is executed, see `scriptsOf`; what is only tried
 *
 * The marker of a member has names of its own [membership/marker.ts].
 */

export interface KeptIndex {
  /** The ring of which the member was when it was told. */
  readonly ring: string
  /** Later ones are higher. */
  readonly version: number
  /** Of scripts. */
  readonly generation: number
  /** Names of records. */
  readonly libraries: readonly string[]
  /** Absent until CONFIG REWRITE is said. */
  readonly settings?: KeptSettings
}

/** What CONFIG REWRITE had kept, by names; the bytes of the values as latin1. */
export interface KeptSettings {
  readonly members: Readonly<Record<string, string>>
  readonly proxy: Readonly<Record<string, string>>
}

/** All of these names, as a pattern. */
export const ALL_RECORDS = 'dt_[ksfxt]*'
export const INDEX = 'dt_kept'
/** Those with something in them. */
export const CONTENTS = 'dt_[sf]_*'

export type Command = readonly (string | Buffer)[]

/** What a member is told so that it keeps something. */
export function keepCommand(name: string, content: Buffer): Command {
  const code = `#!lua name=${name}\nredis.register_function{function_name='${name}',callback=function() end,flags={'no-writes'}} --`
  return ['FUNCTION', 'LOAD', 'REPLACE', code + content.toString('base64')]
}

export function indexCommand(index: KeptIndex): Command {
  return keepCommand(INDEX, Buffer.from(JSON.stringify(index)))
}

export function scriptRecord(generation: number, sha: string): string {
  return `dt_s_${generation}_${sha}`
}

export function libraryRecord(library: Library): { readonly name: string; readonly content: Buffer } {
  const { source, functions } = library
  const described = functions.map(({ description, ...rest }) => {
    return { ...rest, description: description?.toString('base64') ?? null }
  })
  const content = Buffer.from(JSON.stringify({ ...library, source: source.toString('base64'), functions: described }))
  return { name: `dt_f_${createHash('sha1').update(content).digest('hex')}`, content }
}

/** Undefined when it is none. */
export function libraryIn(content: Buffer): Library | undefined {
  try {
    const { source, functions, ...rest } = JSON.parse(content.toString())
    return {
      ...rest,
      source: Buffer.from(source, 'base64'),
      functions: functions.map(({ description, ...each }: { description: string | null }) => {
        return { ...each, description: description === null ? null : Buffer.from(description, 'base64') }
      }),
    }
  } catch {
    return undefined
  }
}

/** The index in the content of its record; undefined when it is none. */
export function indexIn(content: Buffer | undefined): KeptIndex | undefined {
  if (content === undefined) return undefined
  try {
    const { ring, version, generation, libraries, settings } = JSON.parse(content.toString())
    const isIndex =
      typeof ring === 'string' && Number.isFinite(version) && Number.isFinite(generation) && Array.isArray(libraries)
    return isIndex
      ? { ring, version, generation, libraries, ...(settings === undefined ? {} : { settings }) }
      : undefined
  } catch {
    return undefined
  }
}

/** What a server's FUNCTION LIST tells of its libraries, by name; the contents with WITHCODE. */
export function recordsIn(reply: Reply): Map<string, Buffer> {
  const records = new Map<string, Buffer>()
  if (!Array.isArray(reply)) return records
  for (const library of reply) {
    if (!(library instanceof MapReply)) continue
    const code = String(fieldOf(library, 'library_code') ?? '')
    records.set(String(fieldOf(library, 'library_name')), Buffer.from(code.slice(code.lastIndexOf('--') + 2), 'base64'))
  }
  return records
}
