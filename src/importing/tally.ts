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
  /** Keys that the ring had with another value, and that were left. */
  readonly conflicts = new Noted()
  /** Keys that are larger than what may be copied. */
  readonly tooLarge = new Noted()
  /** Keys that the ring's servers do not understand, with what they say of the last one. */
  readonly refused = new Noted()
  refusal = ''
  readonly libraryConflicts: string[] = []
}
