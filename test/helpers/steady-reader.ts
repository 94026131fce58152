import { Worker } from 'node:worker_threads'
import type { Teardown } from './proxy.js'
import { until } from './until.js'

/** What a reader does. */
export interface Reading {
  readonly port: number
  /** What it sends first. */
  readonly commands: string
  /** When it has read so much it does something else for so long. */
  readonly restEveryBytes: number
  readonly restMs: number
}

/** A client that does nothing but read, in a thread of its own: whoever keeps the process of the test busy does not keep it from that. */
export class SteadyReader {
  bytes = 0
  isClosed = false

  constructor(t: Teardown, reading: Reading) {
    const thread = new Worker(new URL('reading-thread.js', import.meta.url), { workerData: reading })
    thread.on('message', (said: number | 'closed') => {
      if (said === 'closed') this.isClosed = true
      else this.bytes = said
    })
    t.teardown(async () => {
      thread.postMessage('end')
      await until('the reader is gone', () => this.isClosed)
      await thread.terminate()
    })
  }

  /** Resolves when it has read so much, or is closed. */
  async hasRead(bytes: number): Promise<void> {
    await until(`${bytes} bytes are read`, () => this.bytes >= bytes || this.isClosed)
  }
}
