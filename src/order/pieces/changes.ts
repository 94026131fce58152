/** Writes may name so much that was not read again yet. */
const NAMES_MAX = 1_000_000
const BYTES_MAX = 64 * 1024 * 1024

/** Names of elements, as Latin-1, that may have been written since they were read. */
export class Changes {
  private readonly names = new Set<string>()
  private bytes = 0

  get size(): number {
    return this.names.size
  }

  /** False when they are too many. */
  add(names: Iterable<string>): boolean {
    for (const name of names) {
      if (this.names.has(name)) continue
      this.names.add(name)
      this.bytes += name.length
    }
    return this.names.size <= NAMES_MAX && this.bytes <= BYTES_MAX
  }

  /** Takes out so many of them at most. */
  take(most: number): string[] {
    const taken: string[] = []
    for (const name of this.names) {
      if (taken.length === most) break
      this.names.delete(name)
      this.bytes -= name.length
      taken.push(name)
    }
    return taken
  }
}
