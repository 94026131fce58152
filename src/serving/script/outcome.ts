import { Elements } from '../../resp/elements.js'
import { frameOf } from '../../resp/frame.js'
import { HAS_RESP3, IS_ERROR, OWNED, ReplyProtocolError } from '../../resp/reply-framer.js'
import { LOOP_SHA } from './loop.js'
import type { Script } from './script.js'

/** What came of the run of a script. */
export type Outcome =
  /** It has run, and says `reply`: from `start` to `end`, with the flags of the reply framer. */
  | { readonly kind: 'done'; readonly effects: Effects; readonly deadlineMs: number; readonly reply: Said }
  /** It wanted a key that it may not touch now. What it had done before is taken back, unless that `failed`. */
  | { readonly kind: 'stopped'; readonly key: Buffer; readonly failed: string | undefined }

/** An encoded reply. */
export interface Said {
  readonly buf: Buffer
  readonly start: number
  readonly end: number
  readonly flags: number
}

/** What a script has done: commands for the others, or it is not known what. */
export type Effects =
  | { readonly kind: 'commands'; readonly frame: Buffer | undefined; readonly isLoop: boolean }
  | { readonly kind: 'unknown' }

/** What stands first, see `prologue`. */
const NOTHING_SAID = 2
const FAILED = 3
const STOPPED = 4
/** So many elements stand before the effects. */
const HEAD = 4

const UNDERSCORE = Buffer.from('_\r\n')
const NULL: Said = { buf: UNDERSCORE, start: 0, end: UNDERSCORE.length, flags: HAS_RESP3 | OWNED }
/** It has done nothing. */
export const NOTHING: Effects = { kind: 'commands', frame: undefined, isLoop: false }

/**
 * Reads what a wrapped script answers, see `prologue`; the bytes are kept.
 *
 * @param keys that it could touch: who executes several commands names them as well
 */
export function outcomeOf(script: Script, keys: readonly Buffer[], buf: Buffer, from: number, to: number): Outcome {
  const parts = new Elements(buf, from, to)
  if (parts.count < 2) throw new ReplyProtocolError('a wrapped script answers something else')
  const kind = integerIn(buf, parts)
  if (kind === STOPPED) {
    parts.next()
    const key = Buffer.from(bulkIn(buf, parts))
    if (parts.count > 2) parts.next()
    return { kind: 'stopped', key, failed: parts.count > 2 ? bulkIn(buf, parts).toString() : undefined }
  }
  const deadlineMs = integerIn(buf, parts)
  parts.next()
  const { start, end, flags } = parts
  parts.next()
  const what = Math.abs(kind)
  let reply: Said = { buf, start, end, flags }
  if (what === FAILED) reply = failure(script, buf, start, end, parts)
  else if (what === NOTHING_SAID) reply = NULL
  const effects = kind < 0 ? ({ kind: 'unknown' } as const) : effectsIn(buf, parts, to, keys)
  return { kind: 'done', effects, deadlineMs, reply }
}

/** The error, with the client's name of the script; `where` stands last. */
function failure({ sha }: Script, buf: Buffer, start: number, end: number, where: Elements): Said {
  const place = bulkIn(buf, where).toString('latin1')
  const suffix = place === '' ? '' : ` script: ${sha}, on ${place}.`
  const message = bulkIn(buf, { start, end }).toString('latin1')
  const line = Buffer.from(`-${`${message}${suffix}`.replace(/[\r\n]/g, ' ')}\r\n`, 'latin1')
  return { buf: line, start: 0, end: line.length, flags: IS_ERROR | OWNED }
}

/** One command is sent as it is; of several the noted texts are the arguments of the loop, byte for byte. */
function effectsIn(buf: Buffer, parts: Elements, end: number, keys: readonly Buffer[]): Effects {
  const count = parts.count - HEAD
  if (count === 0) return NOTHING
  const begin = parts.end
  parts.next()
  const argc = Number(bulkIn(buf, parts).toString('latin1'))
  if (argc === count - 1) {
    const frame = Buffer.concat([Buffer.from(`*${argc}\r\n`), buf.subarray(parts.end, end)])
    return { kind: 'commands', frame, isLoop: false }
  }
  const head = frameOf(['EVALSHA', LOOP_SHA, String(keys.length), ...keys])
  const line = Buffer.from(`*${head.argc + count}\r\n`)
  const rest = head.buf.subarray(head.buf.indexOf(0x0a) + 1)
  return { kind: 'commands', frame: Buffer.concat([line, rest, buf.subarray(begin, end)]), isLoop: true }
}

/** The integer that the next element is. */
function integerIn(buf: Buffer, parts: Elements): number {
  parts.next()
  return Number(buf.latin1Slice(parts.start + 1, parts.end - 2))
}

/** The bytes of the bulk string that an element is. */
function bulkIn(buf: Buffer, { start, end }: { readonly start: number; readonly end: number }): Buffer {
  return buf.subarray(buf.indexOf(0x0d, start) + 2, end - 2)
}
