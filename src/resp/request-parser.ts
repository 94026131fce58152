import Parser from 'redis-parser'
import { assert } from '../base/assert.js'
import type { Frame } from './frame.js'

let parsed: unknown

const parser = new Parser({
  returnBuffers: true,
  returnReply: (reply) => {
    parsed = reply
  },
  returnError: (error) => {
    throw error
  },
  returnFatalError: (error) => {
    throw error
  },
})

/**
 * The arguments of a command, as views of the frame's bytes: valid as long as these. Only for frames of the request
 * framer: the parser must not see bytes that were not framed [design §5 Framing before parsing].
 */
export function parseRequest(frame: Frame): Buffer[] {
  parsed = undefined
  parser.execute(frame.buf.subarray(frame.start, frame.end))
  const args = parsed
  parsed = undefined
  assert(Array.isArray(args) && args.length === frame.argc, 'a frame is one array of its arguments')
  return args
}
