import { ANY_BYTE, ANY_TEXT, type Step, stepsOf } from './glob.js'

/**
 * A search of more steps, which take a tenth of a second, is given up: with a pattern and a text of 64 KB they may be four billion, and
 * clients choose both.
 */
const STEPS_MAX = 10_000_000

/** Where a pattern ends in the index. */
export type Place<T> = Node<T>

/** A place in a pattern up to which it is the same as others: a run of literal bytes, or one other step, and what may follow. */
class Node<T> {
  /** Those of the patterns that end here: `a*` and `a**` are two, and the same. */
  values: T[] | undefined
  /** By the first byte of their runs. */
  literals: Map<number, Node<T>> | undefined
  /** `?` and sets of bytes. */
  bytes: Node<T>[] | undefined
  star: Node<T> | undefined
  /** In the search of this number it was met; of stars alone, which stay. */
  metIn = 0

  constructor(
    public parent: Node<T> | undefined,
    /** The bytes that it stands for, one character each; empty for other steps. */
    public run: string,
    readonly step: Step,
  ) {}

  get isEmpty(): boolean {
    return (
      this.values === undefined && this.literals === undefined && this.bytes === undefined && this.star === undefined
    )
  }
}

/**
 * Glob patterns, each with a value, of which those are found that match a text. What many of them begin with is looked at once, so
 * a search costs what is matched, not what there is: all patterns are one tree, and a search is at several places of it at the
 * same time.
 *
 *     news.*      ──"news."──*         (1)         the text news.art.x is at (1), at (2), and on its way to (3), which it
 *     news.*.x            └──*──".x"   (2)         leaves with the first byte that is another one
 *     new?t        └"new"──?──"t"      (3)
 */
export class PatternIndex<T> {
  private readonly root = new Node<T>(undefined, '', ANY_TEXT)
  /** The last search that was none of the quick ones was given up, and has found nothing. */
  gaveUp = false
  private searches = 0
  size = 0

  /** The pattern must not be there. Gives where it is, for `remove`. */
  add(pattern: Buffer, value: T): Place<T> {
    let node = this.root
    const steps = stepsOf(pattern)
    for (let i = 0; i < steps.length; ) {
      const step = steps[i]
      if (typeof step === 'number' && step >= 0) {
        let run = ''
        for (let next = steps[i]; i < steps.length && typeof next === 'number' && next >= 0; next = steps[++i]) {
          run += String.fromCharCode(next)
        }
        node = this.follow(node, run)
        continue
      }
      node = step === ANY_TEXT ? (node.star ??= new Node<T>(node, '', ANY_TEXT)) : byteNode(node, step)
      i++
    }
    if (node.values === undefined) node.values = [value]
    else node.values.push(value)
    this.size++
    return node
  }

  /**
   * Adds the values of all patterns that match a text to `out`. False when that may have taken long: there were several places to be at, and
   * there may be as many as patterns.
   */
  find(text: Buffer, start: number, end: number, out: T[]): boolean {
    if (this.size === 0) return true
    if (start === end) {
      // `*` does not match an empty text, as in Redis.
      addTo(out, this.root)
      return true
    }
    // What there is one place for, at which no two ways part, is read without any lists: most texts end there.
    let node = this.root
    let at = start
    while (at < end && node.star === undefined && node.bytes === undefined) {
      const next = node.literals?.get(text[at])
      if (next === undefined || !isAt(text, at, end, next.run)) return true
      at += next.run.length
      node = next
    }
    this.gaveUp = !this.findFrom(node, text, at, end, out)
    return false
  }

  /** The same for what is behind a place that the text has reached. False when it was given up. */
  private findFrom(from: Node<T>, text: Buffer, start: number, end: number, out: T[]): boolean {
    let left = STEPS_MAX
    const search = ++this.searches
    const stars: Node<T>[] = []
    /** Places that the text has reached, and those within a run with how much of it was read. */
    let at: Node<T>[] = []
    let within: Node<T>[] = []
    let read: number[] = []
    const reach = (node: Node<T>, places: Node<T>[]) => {
      places.push(node)
      const { star } = node
      if (star === undefined || star.metIn === search) return
      star.metIn = search
      stars.push(star)
    }
    reach(from, at)
    for (let i = start; i < end; i++) {
      const byte = text[i]
      const nextAt: Node<T>[] = []
      const nextWithin: Node<T>[] = []
      const nextRead: number[] = []
      const step = (node: Node<T>) => {
        const next = node.literals?.get(byte)
        if (next !== undefined) {
          if (next.run.length === 1) reach(next, nextAt)
          else {
            nextWithin.push(next)
            nextRead.push(1)
          }
        }
        if (node.bytes === undefined) return
        left -= node.bytes.length
        for (const each of node.bytes) if (takes(each.step, byte)) reach(each, nextAt)
      }
      // Those that are met with this byte take the next one first.
      const known = stars.length
      left -= 1 + at.length + within.length + known
      if (left < 0) return false
      for (let n = 0; n < within.length; n++) {
        const node = within[n]
        if (node.run.charCodeAt(read[n]) !== byte) continue
        if (read[n] + 1 === node.run.length) reach(node, nextAt)
        else {
          nextWithin.push(node)
          nextRead.push(read[n] + 1)
        }
      }
      for (const node of at) step(node)
      for (let n = 0; n < known; n++) step(stars[n])
      at = nextAt
      within = nextWithin
      read = nextRead
      if (at.length === 0 && within.length === 0 && stars.length === 0) return true
    }
    for (const node of at) addTo(out, node)
    for (const node of stars) addTo(out, node)
    return true
  }

  remove(place: Place<T>, value: T): void {
    const others = place.values!.filter((each) => each !== value)
    place.values = others.length === 0 ? undefined : others
    this.size--
    for (let each = place; each.parent !== undefined && each.isEmpty; ) {
      const { parent } = each
      leave(parent, each)
      each = parent
    }
  }

  /** The place behind a run of bytes, for which runs are cut where they part. */
  private follow(from: Node<T>, run: string): Node<T> {
    let node = from
    let rest = run
    while (rest !== '') {
      const literals = (node.literals ??= new Map<number, Node<T>>())
      const next = literals.get(rest.charCodeAt(0))
      if (next === undefined) {
        const made = new Node<T>(node, rest, 0)
        literals.set(rest.charCodeAt(0), made)
        return made
      }
      let common = 1
      while (common < rest.length && common < next.run.length && rest[common] === next.run[common]) common++
      node = common === next.run.length ? next : cut(next, common)
      rest = rest.slice(common)
    }
    return node
  }
}

/** Whether the text goes on with these bytes, of which the first is known to be there. */
function isAt(text: Buffer, start: number, end: number, run: string): boolean {
  if (run.length > end - start) return false
  for (let i = 1; i < run.length; i++) if (run.charCodeAt(i) !== text[start + i]) return false
  return true
}

function addTo<T>(out: T[], { values }: Node<T>): void {
  if (values !== undefined) for (const value of values) out.push(value)
}

function takes(step: Step, byte: number): boolean {
  return step === ANY_BYTE || (step as Uint8Array)[byte] === 1
}

/** The child for `?` or a set of bytes. */
function byteNode<T>(node: Node<T>, step: Step): Node<T> {
  const bytes = (node.bytes ??= [])
  const found = bytes.find((each) => isSameStep(each.step, step))
  if (found !== undefined) return found
  const made = new Node<T>(node, '', step)
  bytes.push(made)
  return made
}

function isSameStep(one: Step, other: Step): boolean {
  if (typeof one === 'number' || typeof other === 'number') return one === other
  return Buffer.compare(one, other) === 0
}

/** Puts a place in the middle of a run, and gives it. */
function cut<T>(node: Node<T>, length: number): Node<T> {
  const parent = node.parent!
  const middle = new Node<T>(parent, node.run.slice(0, length), 0)
  parent.literals!.set(node.run.charCodeAt(0), middle)
  node.run = node.run.slice(length)
  node.parent = middle
  middle.literals = new Map([[node.run.charCodeAt(0), node]])
  return middle
}

function leave<T>(parent: Node<T>, child: Node<T>): void {
  if (parent.star === child) parent.star = undefined
  else if (child.run !== '') {
    parent.literals!.delete(child.run.charCodeAt(0))
    if (parent.literals!.size === 0) parent.literals = undefined
  } else {
    const others = parent.bytes!.filter((each) => each !== child)
    parent.bytes = others.length === 0 ? undefined : others
  }
}
