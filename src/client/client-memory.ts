import type { Connection } from './connection.js'

/** What is kept besides their bytes: of a command behind MULTI, a watched key, a topic, a key that is remembered for a client. */
const QUEUED_BYTES = 300
const WATCHED_BYTES = 300
const TOPIC_BYTES = 200
const READING_BYTES = 100

/**
 * What a client makes the proxy keep, about: commands that are not answered, also those that wait or stand behind MULTI, replies that
 * it has not taken, what it watches, listens to, and has in its cache. (What commands copy between servers is bounded by
 * itself [serving/several/gather/room], and a script's effects by `limits.scriptEffectsBytes`.)
 */
export function memoryOf(client: Connection): number {
  const { framer, queue, session, pendingBytes } = client
  let bytes = framer.bufferedBytes + queue.requestBytes + pendingBytes
  const queued = session.transaction?.queued
  if (queued !== undefined) bytes += queued.bytes + queued.length * QUEUED_BYTES
  const { watched, subscriber, caching } = session
  if (watched !== undefined) bytes += watched.bytes + watched.size * WATCHED_BYTES
  if (subscriber !== undefined) bytes += subscriber.nameBytes + subscriber.total * TOPIC_BYTES
  if (caching !== undefined) bytes += (caching.readings + caching.prefixes.size) * READING_BYTES
  return bytes
}
