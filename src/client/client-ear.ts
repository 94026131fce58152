import type { Logger } from '../base/log.js'
import type { Ear } from '../channels/channels.js'
import type { Connection } from './connection.js'
import type { OutputLimits } from './output-limit.js'

/**
 * How what a client listens to is sent to it: in its turn among the replies, and unless it leaves too much untaken. Who has left less than
 * that for too long is found by the sweeper, which sees also what has been taken meanwhile.
 */
export class ClientEar implements Ear {
  constructor(
    private readonly client: Connection,
    private readonly limits: Readonly<OutputLimits>,
    private readonly log: Logger,
  ) {}

  /** [Ear] */
  get proto(): 2 | 3 {
    return this.client.session.proto
  }

  /** [Ear] */
  push(bytes: Buffer): void {
    const { client } = this
    if (client.deaf) return
    const { aside } = client.session
    if (aside !== undefined) {
      aside.push(bytes)
      return
    }
    client.queue.push(bytes)
    const { pendingBytes } = client
    const { hardBytes } = this.limits
    // [Redis networking.c checkClientOutputBufferLimits]
    if (hardBytes === 0 || pendingBytes < hardBytes) return
    this.log.warn(
      { event: 'client-too-slow', client: client.address, bytes: pendingBytes },
      'a listening client does not take its messages: closed',
    )
    client.drop()
  }
}
