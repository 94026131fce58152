import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../src/local/ports.js'
import { frameOf } from '../../src/resp/frame.js'
import { ReplyFramer, type ReplySink } from '../../src/resp/reply-framer.js'

type Arg = Buffer | string

/** A plain `redis-server` of its own directory, without persistence. */
export class RealRedis {
  private constructor(
    readonly port: number,
    private readonly end: () => Promise<void>,
  ) {}

  static async start(...options: string[]): Promise<RealRedis> {
    const dir = await mkdtemp(join(tmpdir(), 'dt-redis-'))
    const [port] = await freePorts(1)
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...options]
    const child = spawn('redis-server', args, { stdio: 'ignore' })
    const exited = once(child, 'exit')
    const redis = new RealRedis(port, async () => {
      child.kill('SIGKILL')
      await exited
      await rm(dir, { recursive: true, force: true })
    })
    for (let tries = 0; tries < 200; tries++) {
      if (child.exitCode !== null) break
      try {
        const conn = await RawConnection.open(port)
        const pong = await conn.ask('PING')
        conn.close()
        if (pong.toString() === '+PONG\r\n') return redis
      } catch {
        await sleep(25)
      }
    }
    await redis.stop()
    throw new Error('redis-server does not answer')
  }

  stop(): Promise<void> {
    return this.end()
  }
}

/** A connection that sends strict frames and gives back replies as the bytes they came in. */
export class RawConnection implements ReplySink {
  private readonly waiting: { resolve: (reply: Buffer) => void; reject: (error: Error) => void }[] = []
  private readonly framer = new ReplyFramer(this)

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => this.framer.feed(chunk))
    socket.on('error', (error) => this.fail(error))
    socket.on('close', () => this.fail(new Error('the server closed the connection')))
  }

  static async open(port: number, proto: 2 | 3 = 2): Promise<RawConnection> {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    await once(socket, 'connect')
    const conn = new RawConnection(socket)
    if (proto === 3) await conn.ask('HELLO', '3')
    return conn
  }

  /** The reply to one command. */
  ask(...args: Arg[]): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(new Error('the connection is closed'))
      this.waiting.push({ resolve, reject })
      const { buf, start, end } = frameOf(args)
      this.socket.write(buf.subarray(start, end))
    })
  }

  close(): void {
    this.socket.destroy()
  }

  onReply(buf: Buffer, start: number, end: number): void {
    this.waiting.shift()?.resolve(Buffer.from(buf.subarray(start, end)))
  }

  onPush(): void {}

  private fail(error: Error): void {
    for (const { reject } of this.waiting.splice(0)) reject(error)
  }
}
