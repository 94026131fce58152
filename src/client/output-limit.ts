import type { Logger } from '../base/log.js'
import type { Config } from '../config/config.js'

/** Of what a client has to take so much is in its own buffer, which no limit counts [Redis server.h PROTO_REPLY_CHUNK_BYTES]. */
const OWN_BYTES = 16 * 1024

/** Whether a client has more to take than a limit says; 0 is no limit [Redis networking.c checkClientOutputBufferLimits]. */
export function exceeds(pendingBytes: number, limitBytes: number): boolean {
  return limitBytes > 0 && pendingBytes - OWN_BYTES >= limitBytes
}

/** How much may wait for a client before it is cut off, as `client-output-buffer-limit` says; 0 is no limit. */
export interface OutputLimits {
  /** At once. */
  hardBytes: number
  /** For longer than `softMs` without a break. */
  softBytes: number
  softMs: number
}

/** What the settings say of those that listen. */
export function pushLimitsOf({ limits }: Pick<Config, 'limits'>): OutputLimits {
  const { pushBufferHardBytes, pushBufferSoftBytes, pushBufferSoftMs } = limits
  return { hardBytes: pushBufferHardBytes, softBytes: pushBufferSoftBytes, softMs: pushBufferSoftMs }
}

/**
 * Those of a client: who listens to anything is of the class `pubsub`, whatever else it asks for [Redis networking.c getClientType]; so is,
 * here, who monitors.
 */
export function outputLimitsOf(
  { subscriber, monitoring }: { readonly subscriber: unknown; readonly monitoring: unknown },
  { config, pushLimits }: { readonly config: Pick<Config, 'limits'>; readonly pushLimits: Readonly<OutputLimits> },
): Readonly<OutputLimits> {
  if (subscriber !== undefined || monitoring !== undefined) return pushLimits
  const { outputBufferHardBytes, outputBufferSoftBytes, outputBufferSoftMs } = config.limits
  return { hardBytes: outputBufferHardBytes, softBytes: outputBufferSoftBytes, softMs: outputBufferSoftMs }
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
