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

const COLON = 0x3a
const UNDERSCORE = Buffer.from('_\r\n')
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
  parts.next()
  const isEffects = buf[parts.start] !== COLON
  const isUnknown = !isEffects && parts.end - parts.start === 4 && buf[parts.start + 1] === 0x31
  if (!isEffects && !isUnknown) {
    parts.next()
    const key = bulkIn(buf, parts)
    if (parts.count > 2) parts.next()
    return {
      kind: 'stopped',
      key: Buffer.from(key),
      failed: parts.count > 2 ? bulkIn(buf, parts).toString() : undefined,
    }
  }
  const effects = isUnknown ? ({ kind: 'unknown' } as const) : effectsIn(buf, parts.start, parts.end, keys)
  parts.next()
  const deadlineMs = Number(buf.latin1Slice(parts.start + 1, parts.end - 2))
  parts.next()
  if (parts.count > 3) {
    parts.next()
    const message = bulkIn(buf, parts).toString('latin1')
    parts.next()
    const where = bulkIn(buf, parts).toString('latin1')
    const suffix = where === '' ? '' : ` script: ${script.sha}, on ${where}.`
    const line = Buffer.from(`-${message}${suffix}`.replace(/[\r\n]/g, ' ').concat('\r\n'), 'latin1')
    return {
      kind: 'done',
      effects,
      deadlineMs,
      reply: { buf: line, start: 0, end: line.length, flags: IS_ERROR | OWNED },
    }
  }
  const value = new Elements(buf, parts.start, parts.end)
  if (value.count === 0) {
    const reply = { buf: UNDERSCORE, start: 0, end: UNDERSCORE.length, flags: HAS_RESP3 | OWNED }
    return { kind: 'done', effects, deadlineMs, reply }
  }
  value.next()
  return { kind: 'done', effects, deadlineMs, reply: { buf, start: value.start, end: value.end, flags: value.flags } }
}

/** One command is sent as it is; of several the noted texts are the arguments of the loop, byte for byte. */
function effectsIn(buf: Buffer, start: number, end: number, keys: readonly Buffer[]): Effects {
  const texts = new Elements(buf, start, end)
  if (texts.count === 0) return NOTHING
  const begin = texts.end
  texts.next()
  const argc = Number(bulkIn(buf, texts).toString('latin1'))
  if (argc === texts.count - 1) {
    const frame = Buffer.concat([Buffer.from(`*${argc}\r\n`), buf.subarray(texts.end, end)])
    return { kind: 'commands', frame, isLoop: false }
  }
  const head = frameOf(['EVALSHA', LOOP_SHA, String(keys.length), ...keys])
  const count = `*${head.argc + texts.count}\r\n`
  const rest = head.buf.subarray(head.buf.indexOf(0x0a) + 1)
  return { kind: 'commands', frame: Buffer.concat([Buffer.from(count), rest, buf.subarray(begin, end)]), isLoop: true }
}

/** The bytes of the bulk string that an element is. */
function bulkIn(buf: Buffer, { start, end }: Elements): Buffer {
  return buf.subarray(buf.indexOf(0x0d, start) + 2, end - 2)
}
