import type { Logger } from '../base/log.js'
import type { Ear } from '../channels/channels.js'
import type { Connection } from './connection.js'
import type { OutputLimits } from './output-limit.js'
import { BEHIND_BYTES_MIN } from './pace.js'

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
    if (client.queue.length > 0) client.queue.push(bytes)
    else client.outbox.appendLast(bytes, 0, bytes.length, true)
    this.look()
  }

  /** [Ear] */
  pushBehind(head: Buffer, buf: Buffer, start: number, end: number): void {
    const { client } = this
    if (client.deaf) return
    if (client.session.aside !== undefined || client.queue.length > 0) {
      this.push(Buffer.concat([head, buf.subarray(start, end)]))
      return
    }
    client.outbox.appendLast(head, 0, head.length, true)
    client.outbox.appendLast(buf, start, end, false)
    this.look()
  }

  /** Closes a client that leaves too much. */
  private look(): void {
    const { client, limits } = this
    if (client.pendingBytes >= BEHIND_BYTES_MIN) client.surroundings.clients.pace.pushed(client, limits)
    const { pendingBytes } = client
    const { hardBytes } = limits
    // [Redis networking.c checkClientOutputBufferLimits]
    if (hardBytes === 0 || pendingBytes < hardBytes) return
    this.log.warn(
      { event: 'client-too-slow', client: client.address, bytes: pendingBytes },
      'a listening client does not take its messages: closed',
    )
    client.drop()
  }
}
