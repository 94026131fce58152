/** A write that every replica has, and that waits to be acknowledged. */
export interface FinishedWrite {
  acknowledge(): void
}

/**
 * No write is acknowledged under a view whose marker has not been answered by all its members [design §8 Views and
 * markers]: after a crash a start finds the view before it, in which somebody may be natural who lacks the write.
 */
export class Acknowledgement {
  /** Whether writes may be acknowledged now; nearly always so. */
  open = true

  /** The epoch since which data is where it is now, and the latest one whose marker was answered. */
  private placedSince = 0
  private answered = 0
  private isCutOff = false
  private readonly waiting = new Set<FinishedWrite>()

  /** `onOpen` is told when a marker has been answered, and the gate is open. */
  constructor(private readonly onOpen: () => void) {}

  /** A view was published in which keys have other replicas than before. */
  placementChanged(epoch: number): void {
    this.placedSince = epoch
    this.open = this.answered >= epoch && !this.isCutOff
  }

  /** All members have answered the marker of this epoch. */
  markerAnswered(epoch: number): void {
    this.answered = Math.max(this.answered, epoch)
    this.look()
  }

  /** Another proxy may have gone on without what we reach: nothing is acknowledged; or we know again that none has. */
  cutOff(isCutOff: boolean): void {
    this.isCutOff = isCutOff
    this.look()
  }

  private look(): void {
    this.open = this.answered >= this.placedSince && !this.isCutOff
    if (!this.open) return
    const writes = [...this.waiting]
    this.waiting.clear()
    for (const write of writes) write.acknowledge()
    this.onOpen()
  }

  /** Puts a write off until the gate is open. */
  wait(write: FinishedWrite): void {
    this.waiting.add(write)
  }

  /** For writes that are served step by step: whether they may be acknowledged now, or within `timeoutMs`. */
  opens(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.open) {
        resolve(true)
        return
      }
      const write = {
        acknowledge: () => {
          clearTimeout(timer)
          resolve(true)
        },
      }
      const timer = setTimeout(() => {
        this.forget(write)
        resolve(false)
      }, timeoutMs)
      this.wait(write)
    })
  }

  /** The write was answered otherwise. */
  forget(write: FinishedWrite): void {
    this.waiting.delete(write)
  }
}
