import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** When something was asked, by `clockMs`, and how long the answer took. */
export interface Asked {
  readonly atMs: number
  readonly tookMs: number
}

/** The clock of `Asked`, in ms: that of the machine, the same in all threads, where `performance.timeOrigin` is read anew in each. */
export function clockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/**
 * A client that says GET all the while, in a thread of its own: where thousands of others are looked after it would wait for these
 * more than for the proxy.
 */
export class Asker {
  private constructor(private readonly thread: Worker) {}

  /** Resolves when it asks. */
  static async begin(port: number): Promise<Asker> {
    const thread = new Worker(new URL('./asking-thread.js', import.meta.url), { workerData: port })
    await once(thread, 'message')
    return new Asker(thread)
  }

  /** It asks no more; gives all that it asked. */
  async end(): Promise<readonly Asked[]> {
    const told = once(this.thread, 'message')
    this.thread.postMessage('end')
    const [asked] = await told
    await this.thread.terminate()
    return asked
  }
}
