import type { CommandRow } from './row.js'

/** Those that may do something which replicas are told of, though their flags do not say that they write [Redis server.h CMD_MAY_REPLICATE]. */
const OTHERS: ReadonlySet<string> = new Set(['eval', 'evalsha', 'fcall', 'pfcount', 'publish', 'spublish'])

/** Whether a Redis would tell its replicas of it, as far as its flags say. */
export function mayReplicate({ flags, name }: CommandRow): boolean {
  return flags.includes('write') || OTHERS.has(name)
}
