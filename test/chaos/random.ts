/**
 * Numbers from a seed: the same seed and name give the same sequence on every machine, and sequences of different names
 * have nothing to do with each other, so that a client more or a fault less does not change what the others do.
 * [sfc32, seeded through cyrb128 of the name]
 */
export class Random {
  private a: number
  private b: number
  private c: number
  private counter = 1

  constructor(seed: number, name: string) {
    ;[this.a, this.b, this.c] = scatter(`${seed}/${name}`)
    for (let i = 0; i < 15; i++) this.next()
  }

  /** From 0 up to, not including, 1. */
  next(): number {
    const sum = (this.a + this.b + this.counter++) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to, not including, `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]
  }

  /** `count` different items, or all of them when there are fewer. */
  sample<T>(items: readonly T[], count: number): T[] {
    const rest = [...items]
    const taken: T[] = []
    while (taken.length < count && rest.length > 0) taken.push(...rest.splice(this.below(rest.length), 1))
    return taken
  }
}

function scatter(text: string): [number, number, number] {
  const words = [1779033703, 3144134277, 1013904242]
  for (const char of text) {
    for (let i = 0; i < words.length; i++) {
      words[i] = Math.imul(words[i] ^ char.charCodeAt(0), 597399067 + i * 2246822507)
      words[i] ^= words[(i + 1) % words.length] >>> 13
    }
  }
  return [words[0], words[1], words[2]]
}
