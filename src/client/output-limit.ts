import type { Logger } from '../base/log.js'

/** Of what a client has to take so much is in its own buffer, which no limit counts [Redis server.h PROTO_REPLY_CHUNK_BYTES]. */
const OWN_BYTES = 16 * 1024

/** Whether a client has more to take than a limit says; 0 is no limit [Redis networking.c checkClientOutputBufferLimits]. */
export function exceeds(pendingBytes: number, limitBytes: number): boolean {
  return limitBytes > 0 && pendingBytes - OWN_BYTES >= limitBytes
}

interface Taker {
  readonly address: string
  readonly pendingBytes: number
}

export function sayOutputIsFull(log: Logger, { address, pendingBytes }: Taker): void {
  const about = { client: address, bytes: pendingBytes }
  log.warn({ event: 'client-output-full', ...about }, 'client exceeds the output buffer limit: closed')
}

export function sayQueryIsFull(log: Logger, { address }: Taker): void {
  log.warn({ event: 'client-query-full', client: address }, 'client exceeds the query buffer limit: closed')
}
