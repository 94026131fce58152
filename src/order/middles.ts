/**
 * Transactions in steps, each from its first write to its end: their keys are gated meanwhile, and whoever looks at all keys, which
 * nobody gates, does not look then [design §7 Transactions]. While somebody wants to look no other one begins, so he need not wait for
 * more of them than there are.
 */
export class Middles {
  /** How many there are. */
  active = 0
  private looking = 0
  private waiting: (() => void)[] = []

  /** @param ended one of them has come to its end */
  constructor(private readonly ended: () => void) {}

  /** Before the first write of one. */
  async begin(): Promise<void> {
    while (this.looking > 0) await this.change()
    this.active++
  }

  end(): void {
    this.active--
    this.changed()
    this.ended()
  }

  /** Somebody wants to look; what this gives is to be called when he has looked, or in the turn in which he does. */
  look(): () => void {
    this.looking++
    return () => {
      this.looking--
      this.changed()
    }
  }

  /** Resolves when nobody is in the middle; in that turn of the event loop nobody will be. */
  async over(): Promise<void> {
    const looked = this.look()
    while (this.active > 0) await this.change()
    setImmediate(looked)
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  private changed(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}
