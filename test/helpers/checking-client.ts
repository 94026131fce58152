import type { RawClient } from './raw-client.js'

const REGISTERS = 8

/** What the proxy may say of a write that it could not complete: whether it was applied [design §2 G5]. */
const NOT_APPLIED = /^-CLUSTERDOWN .*was not applied/
const OVERTAKEN = /^-ERR the read was not answered: .* a later write to the same key/
const UNKNOWN = /^-ERR the outcome of this write is unknown/

interface Request {
  readonly args: string[]
  /** Takes the reply; gives what is wrong with it. */
  readonly check: (reply: string) => string | undefined
}

/**
 * A client that knows every reply that it may get, because nobody else writes its keys: it pipelines without pause,
 * and each reply carries what identifies its request. What is wrong is collected in `violations`.
 */
export class CheckingClient {
  readonly violations: string[] = []
  /** Replies so far, and among them the errors that say what became of the write. */
  replies = 0
  notApplied = 0
  unknown = 0
  /** Reads that were refused because a write behind them was under way already. */
  overtaken = 0

  private sequence = 0
  /** The values that each register may have: the last one that was acknowledged, and those whose outcome is unknown. */
  private readonly registers: string[][]
  private increments = 0
  private lastCount = 0
  private stopped = false

  constructor(
    private readonly client: RawClient,
    readonly name: string,
    proto: 2 | 3 = 2,
  ) {
    this.registers = Array.from({ length: REGISTERS }, () => [proto === 2 ? '$-1\r\n' : '_\r\n'])
  }

  /** Sends pipelines one after the other until `stop`. */
  async run(depth: number): Promise<void> {
    this.stopped = false
    while (!this.stopped) await this.pipeline(depth)
  }

  stop(): void {
    this.stopped = true
  }

  /** Every register, read once more. */
  async readAll(): Promise<void> {
    await this.send(this.registers.map((_, r) => this.get(r)))
  }

  /** One pipeline of commands of all kinds, and the check of its replies. */
  async pipeline(depth: number): Promise<void> {
    const kinds = [() => this.set(), () => this.get(this.next() % REGISTERS), () => this.incr(), () => this.echo()]
    await this.send(Array.from({ length: depth }, () => kinds[this.next() % kinds.length]()))
  }

  private async send(requests: readonly Request[]): Promise<void> {
    const replies = await this.client.pipeline(requests.map(({ args }) => args))
    for (const [i, { args, check }] of requests.entries()) {
      this.replies++
      const wrong = check(replies[i].toString('latin1'))
      if (wrong !== undefined) this.violations.push(`${this.name}: ${args.join(' ')} was answered by ${wrong}`)
    }
  }

  private next(): number {
    return (this.sequence = (this.sequence * 1_103_515_245 + 12_345) % 2 ** 31) >>> 8
  }

  private set(): Request {
    const r = this.next() % REGISTERS
    const value = `${this.name}:${++this.increments}`
    const encoded = `$${value.length}\r\n${value}\r\n`
    this.written[r].push(encoded)
    return {
      args: ['SET', `${this.name}:r${r}`, value],
      check: (reply) => {
        this.written[r].shift()
        if (reply === '+OK\r\n') this.registers[r] = [encoded]
        else if (this.wasUnknown(reply)) this.registers[r].push(encoded)
        else return this.refused(reply)
        return undefined
      },
    }
  }

  /** Values that are on their way in the pipeline. */
  private readonly written: string[][] = Array.from({ length: REGISTERS }, () => [])

  private get(r: number): Request {
    return {
      args: ['GET', `${this.name}:r${r}`],
      check: (reply) => {
        if (this.registers[r].includes(reply)) return undefined
        // The links broke under it, and the write behind it in the pipeline may be done already.
        if (OVERTAKEN.test(reply) && this.written[r].length > 0) {
          this.overtaken++
          return undefined
        }
        return `${JSON.stringify(reply)}, and may have ${JSON.stringify(this.registers[r])}`
      },
    }
  }

  /** Its replies grow by one, or by more when the outcome of others is unknown, and never beyond what was asked for. */
  private incr(): Request {
    const asked = ++this.counted
    return {
      args: ['INCR', `${this.name}:count`],
      check: (reply) => {
        const value = Number(/^:(\d+)\r\n$/.exec(reply)?.[1])
        if (value > this.lastCount && value <= asked) {
          this.lastCount = value
          return undefined
        }
        return this.wasUnknown(reply) ? undefined : this.refused(reply)
      },
    }
  }

  private counted = 0

  private echo(): Request {
    const text = `${this.name}:${++this.increments}`
    return {
      args: ['ECHO', text],
      check: (reply) => (reply === `$${text.length}\r\n${text}\r\n` ? undefined : JSON.stringify(reply)),
    }
  }

  private wasUnknown(reply: string): boolean {
    if (!UNKNOWN.test(reply)) return false
    this.unknown++
    return true
  }

  private refused(reply: string): string | undefined {
    if (!NOT_APPLIED.test(reply)) return JSON.stringify(reply)
    this.notApplied++
    return undefined
  }
}
