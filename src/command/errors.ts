import { type ErrorReply, error } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'
import type { CommandRow } from './row.js'

/*
 * Redis 7.0's own words for commands that cannot be dispatched [Redis server.c commandCheckExistence,
 * commandCheckArity], as bytes for the wire: the same in RESP2 and RESP3. They name bytes of the client's, which need not
 * be text: a C string ends at its first NUL, and CR and LF become spaces.
 */

/** Most bytes of a name, and of all arguments, that an error shows. */
const SHOWN_MAX_BYTES = 128

const QUOTE = Buffer.from("'")
const QUOTE_SPACE = Buffer.from("' ")

/** `-ERR unknown command 'foo', with args beginning with: 'a' 'b' `, with the space at the end. */
export function unknownCommandError(frame: Frame): Buffer {
  const parts = [Buffer.from("-ERR unknown command '"), shown(frame, 0, SHOWN_MAX_BYTES)]
  parts.push(Buffer.from("', with args beginning with: "))
  let length = 0
  for (let i = 1; i < frame.argc && length < SHOWN_MAX_BYTES; i++) {
    const arg = shown(frame, i, SHOWN_MAX_BYTES - length)
    parts.push(QUOTE, arg, QUOTE_SPACE)
    length += arg.length + 3
  }
  return errorLine(parts)
}

/** `-ERR unknown subcommand 'foo'. Try CLIENT HELP.` for the second argument; `container` is the first one's row name. */
export function unknownSubcommandError(container: string, frame: Frame): Buffer {
  return errorLine([
    Buffer.from("-ERR unknown subcommand '"),
    shown(frame, 1, SHOWN_MAX_BYTES),
    Buffer.from(`'. Try ${container.toUpperCase()} HELP.`),
  ])
}

/**
 * `-ERR wrong number of arguments for 'client|setname' command`. An EXEC that is refused has ended
 * its transaction, and says so [Redis multi.c execCommandAbort].
 */
export function wrongArityError({ name, behindMulti }: CommandRow): Buffer {
  const kind = behindMulti === 'executes' ? 'EXECABORT Transaction discarded because of:' : 'ERR'
  return errorLine([Buffer.from(`-${kind} wrong number of arguments for '${name}' command`)])
}

/** The same of words behind a subcommand that are too many, which it finds itself; it is named as the client has written it. */
export function wrongWordsError(container: string, subcommand: Buffer): ErrorReply {
  const text = [
    Buffer.from("ERR unknown subcommand or wrong number of arguments for '"),
    textOf(subcommand),
    Buffer.from(`'. Try ${container.toUpperCase()} HELP.`),
  ]
  return error(Buffer.concat(text))
}

/** `-ERR 'multi' is not supported yet by this proxy`; `name` is the row's. */
export function unsupportedError(name: string): Buffer {
  return errorLine([Buffer.from(`-ERR '${name}' is not supported yet by this proxy`)])
}

/** The argument as C's `%.*s` prints it: to its first NUL, at most `maxBytes`. */
function shown(frame: Frame, i: number, maxBytes: number): Buffer {
  return textOf(frame.buf.subarray(frame.argStart[i], Math.min(frame.argEnd[i], frame.argStart[i] + maxBytes)))
}

function textOf(argument: Buffer): Buffer {
  const bytes = argument.subarray(0, SHOWN_MAX_BYTES)
  const nul = bytes.indexOf(0)
  return nul < 0 ? bytes : bytes.subarray(0, nul)
}

function errorLine(parts: readonly Buffer[]): Buffer {
  const line = Buffer.concat([...parts, Buffer.from('\r\n')])
  for (let i = 0; i < line.length - 2; i++) {
    if (line[i] === 0x0d || line[i] === 0x0a) line[i] = 0x20
  }
  return line
}
