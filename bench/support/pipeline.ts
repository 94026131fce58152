import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { frameOf } from '../../src/resp/frame.js'
import { IS_ERROR, ReplyFramer, type ReplySink } from '../../src/resp/reply-framer.js'

/** Commands that may be on their way: enough to keep the other side busy. */
const DEPTH = 500
/** And bytes of them. */
const DEPTH_BYTES = 4 * 1024 * 1024

/** A connection that sends commands without waiting for the reply of each. An error reply ends what it is used for. */
export class Pipeline implements ReplySink {
  private readonly framer = new ReplyFramer(this)
  private readonly waiting: { readonly bytes: number; readonly onReply: ((reply: Buffer) => void) | undefined }[] = []
  private bytes = 0
  private failure: Error | undefined
  private wake: (() => void) | undefined

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.framer.feed(chunk))
    socket.on('error', () => {})
    socket.on('close', () => this.fail(new Error('the connection was closed')))
  }

  static async open(port: number): Promise<Pipeline> {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    return new Pipeline(socket)
  }

  /**
   * Sends all commands, in their order, and resolves when all are answered.
   *
   * @param onReply gets the bytes of each reply, valid during the call
   */
  async run(
    commands: Iterable<readonly (Buffer | string)[]>,
    onReply?: (command: readonly (Buffer | string)[], reply: Buffer) => void,
  ): Promise<void> {
    for (const command of commands) {
      const { buf, start, end } = frameOf(command)
      await this.while(() => this.waiting.length >= DEPTH || this.bytes >= DEPTH_BYTES)
      this.waiting.push({ bytes: end - start, onReply: onReply && ((reply) => onReply(command, reply)) })
      this.bytes += end - start
      if (!this.socket.writableCorked) {
        this.socket.cork()
        setImmediate(() => this.socket.uncork())
      }
      this.socket.write(buf.subarray(start, end))
    }
    await this.while(() => this.waiting.length > 0)
  }

  close(): void {
    this.failure = new Error('it was closed')
    this.socket.destroy()
  }

  /** [ReplySink] */
  onReply(buf: Buffer, start: number, end: number, flags: number): void {
    const waiter = this.waiting.shift()
    this.bytes -= waiter?.bytes ?? 0
    if ((flags & IS_ERROR) !== 0) this.fail(new Error(`an error reply: ${buf.toString('utf8', start, end - 2)}`))
    waiter?.onReply?.(buf.subarray(start, end))
    this.resume()
  }

  /** [ReplySink] */
  onPush(): void {}

  private async while(condition: () => boolean): Promise<void> {
    while (condition()) {
      if (this.failure !== undefined) throw this.failure
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    if (this.failure !== undefined) throw this.failure
  }

  private resume(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.resume()
  }
}
