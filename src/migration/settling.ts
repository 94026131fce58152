import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../base/log.js'
import type { Order } from '../order/order.js'
import type { Verifier } from './verify.js'

/** Between two looks at all copies, after something that left them in doubt. */
const RETRY_MS = 1000

/** Ends the doubt about all keys [design §8 Start]: looks through everything until no key is in doubt any more. */
export class Settling {
  private running = false
  private stopped = false
  /** How often a look at everything was asked for, and until which of them everything was looked at. */
  private asked = 0
  private done = 0

  constructor(
    private readonly order: Pick<Order, 'uncertainty'>,
    private readonly verifier: Verifier,
    private readonly log: Logger,
    /** Everything was looked at, and all copies are equal. */
    private readonly settled: () => void,
  ) {}

  /** Every key is in doubt, also those that were looked at: its replicas may not have done the same from the same writes. */
  doubtAll(): void {
    this.order.uncertainty.begin()
    void this.run()
  }

  /** Some copies were found to differ, so that others may, without any key being in doubt. */
  lookAtAll(): void {
    this.asked++
    void this.run()
  }

  /** Goes on until there is nothing to settle; is there nothing, it does nothing. */
  async run(): Promise<void> {
    if (this.running) return
    this.running = true
    const { uncertainty } = this.order
    while ((uncertainty.active || this.done < this.asked) && !this.stopped) {
      const { begun, active } = uncertainty
      const { asked } = this
      const report = await this.verifier.settle().catch((error: Error) => {
        this.log.warn(
          { event: 'settling-interrupted', cause: error.message },
          'the look at all copies was interrupted, it begins again',
        )
      })
      // What came meanwhile concerns what had been looked at before.
      if (report?.complete === true && report.left === 0 && begun === uncertainty.begun) {
        this.done = asked
        if (active) uncertainty.end()
        this.log.info(
          { event: 'settled', keys: report.keys, repaired: report.repaired, restored: uncertainty.restored },
          `all copies were looked at: ${active ? 'no key is in doubt any more' : 'they are equal'}`,
        )
        if (this.done === this.asked) this.settled()
      } else await sleep(RETRY_MS)
    }
    this.running = false
  }

  stop(): void {
    this.stopped = true
  }
}
