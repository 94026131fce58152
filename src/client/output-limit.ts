/** Of what a client has to take so much is in its own buffer, which no limit counts [Redis server.h PROTO_REPLY_CHUNK_BYTES]. */
const OWN_BYTES = 16 * 1024

/** Whether a client has more to take than a limit says; 0 is no limit [Redis networking.c checkClientOutputBufferLimits]. */
export function exceeds(pendingBytes: number, limitBytes: number): boolean {
  return limitBytes > 0 && pendingBytes - OWN_BYTES >= limitBytes
}
