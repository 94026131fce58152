/** How much a cell holds. */
export const CELL_BYTES = 64

const CELLS_A_BUFFER = 1024

/**
 * Places for short byte strings in objects that live as long as the process, many in one Buffer. A Buffer of its own
 * in each of some thousand objects (one a command that is under way) means two more places in memory that no cache
 * holds by the time the reply comes: that was a tenth of the CPU of a SET with three copies at depth 64.
 */
class Cells {
  /** The cell that `next` took: CELL_BYTES of `buffer` from `start` on. */
  buffer = Buffer.alloc(0)
  start = 0

  /** Takes a cell, which is never given back. */
  next(): void {
    this.start += CELL_BYTES
    if (this.start < this.buffer.length) return
    this.buffer = Buffer.allocUnsafeSlow(CELL_BYTES * CELLS_A_BUFFER)
    this.start = 0
  }
}

export const cells = new Cells()
