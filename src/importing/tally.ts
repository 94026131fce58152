const EXAMPLES_MAX = 10

/** Keys that have something in common: how many, and some of them. */
export class Noted {
  count = 0
  readonly examples: { readonly db: number; readonly key: Buffer }[] = []

  add(db: number, key: Buffer): void {
    this.count++
    if (this.examples.length < EXAMPLES_MAX) this.examples.push({ db, key })
  }
}

/** What an import has done so far. */
export class Tally {
  /** Keys that were looked at by the walk over the source, of about `total`. */
  seen = 0
  total = 0
  /** Keys that were put into the ring, and the bytes of their dumps. */
  copied = 0
  bytes = 0
  /** Keys that the ring had already, with the same value. */
  already = 0
  /** Keys that were copied once more, or deleted, because they had changed. */
  copiedAgain = 0
  deleted = 0
  libraries = 0
  /** What the ring's servers say of the last value that they do not understand. */
  refusal = ''
}
