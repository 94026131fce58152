import type { KeyId } from '../../../base/key-id.js'
import type { CommandRow } from '../../../command/row.js'
import { describeKey } from '../../../order/pieces/failed-copies.js'
import { NOT_APPLIED } from '../../../order/replies.js'
import { error, type Reply } from '../../../resp/encode.js'

/** What one command on whole values of several servers may take: the settings. */
export interface GatherSettings {
  /** `refuse` answers as Redis Cluster does. */
  readonly crossServer: 'gather' | 'refuse'
  /** Of values that are copied from one server to another, about, as they are in memory. */
  readonly gatherBytes: number
  /** For how long others may have to wait for its keys, in ms, until it begins to write. */
  readonly gatherMs: number
}

export const CROSS_SLOT = error("CROSSSLOT Keys in request don't hash to the same slot")

const WAYS_OUT = 'give its keys a common {hash tag}'

/** @param largest the key with the largest value, which takes `size` bytes */
export function tooMuch({ name }: CommandRow, bytes: number, limit: number, largest: KeyId, size: number): Reply {
  return error(
    `ERR '${name}' on keys of several servers would copy about ${bytes} bytes between them, and limits.gatherBytes is ${limit}; ` +
      `${describeKey(largest)} has ${size} of them; ${NOT_APPLIED}, ${WAYS_OUT}, or raise the limit`,
  )
}

export function tookTooLong({ name }: CommandRow, limitMs: number): Reply {
  return error(
    `ERR '${name}' on keys of several servers was not done within limits.gatherMs, ${limitMs} ms; ` +
      `${NOT_APPLIED}, try again, ${WAYS_OUT}, or raise the limit`,
  )
}

/** It has waited in vain for others that copy. */
export function crowded({ name }: CommandRow, waitedMs: number): Reply {
  return error(
    `TRYAGAIN '${name}' on keys of several servers has waited for ${waitedMs} ms, at the end for others that copy large values; ` +
      `${NOT_APPLIED}, try again, or ${WAYS_OUT}`,
  )
}

/** @param cause what the last server said that was asked */
export function nobodyTakes({ name }: CommandRow, cause: string): Reply {
  return error(
    `ERR '${name}' on keys of several servers: no server takes the values of the others (${cause.replace(/[\r\n]+/g, ' ')}); ` +
      `${NOT_APPLIED}, ${WAYS_OUT}`,
  )
}

/** What the command would store is more than one of its servers takes. */
export function tooLargeFor(member: string, bytes: number, limit: number): Reply {
  return error(
    `ERR the value that would be stored takes ${bytes} bytes, and proto-max-bulk-len of ${member} is ${limit}; ${NOT_APPLIED}`,
  )
}
