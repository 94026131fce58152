import { isHidden } from '../../order/pieces/hidden-name.js'
import { error, type Reply } from '../../resp/encode.js'
import { argumentOf, type Frame } from '../../resp/frame.js'
import type { Script } from './script.js'

/*
 * Keys that a script touches and that its client has not declared.
 */

/** How many of them it may name. */
const UNDECLARED_MAX = 100

const OURS = error(
  'ERR the script touched a name that begins with \\0dt:pieces:, under which this proxy builds values that it copies; what it did before was taken back',
)

/** A run of a script that may touch `extra` as well. */
export interface Reaching {
  readonly script: Script
  readonly frame: Frame
  readonly numkeys: number
  readonly extra: Buffer[]
}

/** Lets it touch another key that it has named, or says why not. What argument that was is remembered. */
export function letTouch({ script, frame, numkeys, extra }: Reaching, key: Buffer): Reply | undefined {
  if (isHidden(key, 0, key.length)) return OURS
  if (extra.length >= UNDECLARED_MAX) return tooManyUndeclared(key)
  extra.push(key)
  for (let i = 3 + numkeys; i < frame.argc; i++) {
    if (argumentOf(frame, i).equals(key)) script.learnt.args.add(i - 3 - numkeys)
  }
  return undefined
}

/** Arguments that were keys when it ran before. */
export function guessed({ learnt }: Script, frame: Frame, numkeys: number): Buffer[] {
  const keys: Buffer[] = []
  for (const place of learnt.args) {
    const i = 3 + numkeys + place
    if (i >= frame.argc || keys.length >= UNDECLARED_MAX) continue
    const key = Buffer.from(argumentOf(frame, i))
    if (!isHidden(key, 0, key.length) && !keys.some((other) => other.equals(key))) keys.push(key)
  }
  return keys
}

/** It has touched a key of other servers, which is not allowed. */
export function tornBy(key: Buffer): Reply {
  return error(
    `ERR the script touched ${shown(key)}, which was not among its keys and is on other servers than these, which commands.crossServer refuses; give them a common {hash tag}; what the script had done was taken back, nothing was applied`,
  )
}

function tooManyUndeclared(key: Buffer): Reply {
  return error(
    `ERR the script touched more than ${UNDECLARED_MAX} keys that were not among its keys, at last ${shown(key)}; give them as keys; what it had done was taken back, nothing was applied`,
  )
}

function shown(key: Buffer): string {
  return `'${key.toString('utf8', 0, 128).replace(/[\r\n]/g, ' ')}'`
}
