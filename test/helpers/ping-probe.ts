import { setTimeout as sleep } from 'node:timers/promises'
import type { RawClient } from './raw-client.js'

/** Asks a server whether it is there, again and again, and remembers the longest time that an answer took. */
export class PingProbe {
  longestMs = 0
  private stopped = false
  private readonly running: Promise<void>

  constructor(
    private readonly client: RawClient,
    readonly name: string,
  ) {
    this.running = this.run()
  }

  async stop(): Promise<void> {
    this.stopped = true
    await this.running
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const beganAtMs = performance.now()
      await this.client.ask('PING')
      this.longestMs = Math.max(this.longestMs, performance.now() - beganAtMs)
      await sleep(2)
    }
  }
}
