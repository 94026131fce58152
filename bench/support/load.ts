import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { frameOf } from '../../src/resp/frame.js'
import { IS_ERROR, ReplyFramer, type ReplySink } from '../../src/resp/reply-framer.js'
import { Random } from '../../test/chaos/random.js'

export interface LoadOptions {
  readonly port: number
  readonly clients: number
  readonly keys: number
  readonly valueBytes: number
  /** The part of the commands that are SET; the others are GET. */
  readonly writes: number
}

/** Clients that each send the next command when the last one is answered, until they are stopped. */
export class Load {
  /** When each reply came, in ms of `Date.now` with fractions, and after how long: numbers, which cost no objects. */
  readonly atMs: number[] = []
  readonly latencyMs: number[] = []
  readonly errors: string[] = []
  private readonly clients: LoadClient[] = []

  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load()
    for (let i = 0; i < options.clients; i++) {
      const socket = connect({ port: options.port, host: '127.0.0.1', noDelay: true })
      await once(socket, 'connect')
      load.clients.push(new LoadClient(socket, options, new Random(i, 'load'), load))
    }
    for (const client of load.clients) client.send()
    return load
  }

  stop(): void {
    for (const client of this.clients) client.stop()
  }
}

class LoadClient implements ReplySink {
  private readonly framer = new ReplyFramer(this)
  private sentAtMs = 0
  private stopped = false

  constructor(
    private readonly socket: Socket,
    private readonly options: LoadOptions,
    private readonly random: Random,
    private readonly load: Load,
  ) {
    socket.on('data', (chunk) => this.framer.feed(chunk))
    socket.on('error', () => {})
    socket.on('close', () => {
      if (!this.stopped) load.errors.push('the connection was closed')
    })
  }

  send(): void {
    const { keys, valueBytes, writes } = this.options
    const key = keyNamed(this.random.below(keys))
    const { buf } = frameOf(this.random.chance(writes) ? ['SET', key, randomValue(valueBytes)] : ['GET', key])
    this.sentAtMs = performance.timeOrigin + performance.now()
    this.socket.write(buf)
  }

  stop(): void {
    this.stopped = true
    this.socket.destroy()
  }

  /** [ReplySink] */
  onReply(buf: Buffer, start: number, end: number, flags: number): void {
    const atMs = performance.timeOrigin + performance.now()
    this.load.atMs.push(atMs)
    this.load.latencyMs.push(atMs - this.sentAtMs)
    if ((flags & IS_ERROR) !== 0) this.load.errors.push(buf.toString('utf8', start, end - 2))
    if (!this.stopped) this.send()
  }

  /** [ReplySink] */
  onPush(): void {}
}

/** The key with this number, in every benchmark. */
export function keyNamed(i: number): string {
  return `key:${i}`
}

const noise = new Random(1, 'values')
const NOISE = Buffer.from(Uint8Array.from({ length: 1024 * 1024 }, () => noise.below(256)))

/** A value that cannot be compressed: DUMP would make others smaller. */
export function randomValue(bytes: number): Buffer {
  if (bytes >= NOISE.length) return Buffer.alloc(bytes, NOISE)
  const from = noise.below(NOISE.length - bytes)
  return NOISE.subarray(from, from + bytes)
}

/** A value such as applications keep: a list of records as JSON. */
export function jsonValue(bytes: number): Buffer {
  let text = ''
  while (text.length < bytes) {
    const [id, score] = [noise.below(1_000_000), noise.below(10_000) / 100]
    text += `${JSON.stringify({ id, name: `user ${id}`, email: `u${id}@example.com`, active: id % 3 === 0, score })},`
  }
  return Buffer.from(text.slice(0, bytes))
}
