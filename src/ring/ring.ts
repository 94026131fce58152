import { assert } from '../base/assert.js'
import { identifierOfVirtualNode } from './identifier.js'
import { CIRCLE_SIZE, rangeSize, type TokenRange } from './token-range.js'

/**
 * The Chord ring of a set of members: each stands on the circle of 32-bit identifiers at the tokens of its virtual
 * nodes, and owns the token ranges (predecessor, token] that end there. As every proxy knows all members, a lookup
 * is not the walk of [Chord §4.3] but one step in a table. Immutable.
 *
 * Range i ends at token i of the sorted tokens:
 *
 *     identifiers   0 ─────●────────●──●───────────●──── 2^32
 *     tokens               0        1  2           3
 *     ranges          0        1     2       3         0 (across zero)
 *
 * `rangeOf` looks up the slice of the circle that holds the identifier (there are at least four slices a token, of
 * equal size), reads there the first token at or behind the slice's beginning, and steps over those before the identifier.
 */
export class Ring {
  /** Sorted, without doubles. */
  readonly names: readonly string[]
  /** Number of tokens of a member; 1 is the plain Chord ring. */
  readonly virtualNodes: number
  /** Number of token ranges. */
  readonly size: number

  /** The sorted tokens, then the greatest identifier, so that a search stops there without asking for the length. */
  private readonly sorted: Uint32Array
  /** The owner of each range, as an index into `names`. */
  private readonly owners: Uint32Array
  /** For each slice of the circle, the index of the first token that is not before it. */
  private readonly slices: Uint32Array
  private readonly sliceShift: number

  private constructor(names: readonly string[], virtualNodes: number, tokens: Uint32Array, owners: Uint32Array) {
    this.names = names
    this.virtualNodes = virtualNodes
    this.size = owners.length
    this.sorted = tokens
    this.owners = owners
    const bits = Math.ceil(Math.log2(this.size * 4 + 2))
    this.sliceShift = 32 - bits
    this.slices = new Uint32Array(2 ** bits)
    for (let slice = 0, i = 0; slice < this.slices.length; slice++) {
      const first = (slice << this.sliceShift) >>> 0
      while (i < this.size && tokens[i] < first) i++
      this.slices[slice] = i
    }
  }

  /**
   * The ring of the members called `names` (distinct, in any order) with `virtualNodes` tokens each. Where two tokens
   * are equal the range goes to the first name in sorted order: the other's range is empty and does not exist.
   */
  static of(names: readonly string[], virtualNodes: number): Ring {
    assert(Number.isInteger(virtualNodes) && virtualNodes >= 1, 'a member has at least one virtual node')
    const sortedNames = [...names].sort()
    const count = sortedNames.length
    assert(new Set(sortedNames).size === count, 'the names of the members are distinct')
    // One number a token that sorts by token, then by name; exact, for token × members is far below 2^53.
    const keys = new Float64Array(count * virtualNodes)
    for (let owner = 0; owner < count; owner++) {
      for (let i = 0; i < virtualNodes; i++) {
        keys[owner * virtualNodes + i] = identifierOfVirtualNode(sortedNames[owner], i) * count + owner
      }
    }
    keys.sort()
    const tokens = new Uint32Array(keys.length + 1)
    const owners = new Uint32Array(keys.length)
    let size = 0
    for (const key of keys) {
      const token = Math.floor(key / count)
      if (size > 0 && tokens[size - 1] === token) continue
      tokens[size] = token
      owners[size++] = key % count
    }
    tokens[size] = CIRCLE_SIZE - 1
    return new Ring(sortedNames, virtualNodes, tokens.slice(0, size + 1), owners.slice(0, size))
  }

  /** The index of the token range that holds `identifier`; 0 on a ring without members. */
  rangeOf(identifier: number): number {
    const { sorted } = this
    let i = this.slices[identifier >>> this.sliceShift]
    while (sorted[i] < identifier) i++
    return i === this.size ? 0 : i
  }

  /** The name of the member that owns the range with this index. */
  owner(range: number): string {
    return this.names[this.owners[range]]
  }

  /**
   * The owner of the range and the members that follow it clockwise, each once: `count` names, or all when the ring
   * has fewer [Chord §5.2 successor list].
   */
  successors(range: number, count: number): string[] {
    const { owners, size } = this
    const found: number[] = []
    for (let step = 0, i = range; step < size && found.length < count; step++) {
      const owner = owners[i]
      if (!found.includes(owner)) found.push(owner)
      if (++i === size) i = 0
    }
    return found.map((owner) => this.names[owner])
  }

  /** The tokens in ascending order: token i ends range i. */
  get tokens(): ArrayLike<number> {
    return this.sorted.subarray(0, this.size)
  }

  /** The range with this index. */
  range(index: number): TokenRange {
    const before = index === 0 ? this.size - 1 : index - 1
    return { from: this.sorted[before], to: this.sorted[index] }
  }

  /** All ranges in the order of their indexes; together they are the whole circle. */
  ranges(): TokenRange[] {
    return Array.from({ length: this.size }, (_, index) => this.range(index))
  }

  /** The fraction of the circle, 0 … 1, that the member owns; 0 for a name that is not on the ring. */
  share(name: string): number {
    let identifiers = 0
    for (let i = 0; i < this.size; i++) if (this.owner(i) === name) identifiers += rangeSize(this.range(i))
    return identifiers / CIRCLE_SIZE
  }
}
