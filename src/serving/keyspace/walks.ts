import type { Link } from '../../backend/link.js'
import type { Router } from '../../order/router.js'
import { fingerprint32 } from '../../ring/identifier.js'

/** Generations are below this: a cursor has 15 bits for them. */
export const GENERATION_SIZE = 2 ** 15
/** So many generations are remembered: the number of one of them is not given to another. */
const REMEMBERED_MAX = 1000

/** A number below 2^15 for a text. */
export function generationOf(text: string): number {
  return fingerprint32(text) % GENERATION_SIZE
}

/**
 * Numbers for what cursors depend on. The same text has the same number, in every run of the proxy unless there is another
 * text of that number: of those that are remembered each has its own, so that an old cursor is not taken for a later one.
 */
export class Generations {
  private readonly numbers = new Map<string, number>()
  private readonly texts = new Map<number, string>()

  numberOf(text: string): number {
    let number = this.numbers.get(text)
    if (number === undefined) {
      number = generationOf(text)
      while (this.texts.has(number)) number = (number + 1) % GENERATION_SIZE
      this.texts.set(number, text)
    }
    // Put behind, so that what was not asked for longest is forgotten first.
    this.numbers.delete(text)
    this.numbers.set(text, number)
    if (this.numbers.size > REMEMBERED_MAX) {
      const [oldest, its] = this.numbers.entries().next().value as [string, number]
      this.numbers.delete(oldest)
      this.texts.delete(its)
    }
    return number
  }

  textOf(number: number): string | undefined {
    return this.texts.get(number)
  }
}

/** One way of going over all members. */
export interface Walk {
  readonly generation: number
  /** The view, and the processes behind it: as long as they are the same, every replica keeps the keys that it has. */
  readonly basis: string
  /** Members that are left out: what they have others tell. */
  readonly away: readonly string[]
}

/**
 * The walks of SCAN [design §6]. Which member tells of a key does not depend on who serves at the moment, or a walk would
 * begin anew whenever a key is in doubt for an instant: it is the first replica of the key but for those members that could
 * not be reached when the walk had to ask them, or at its beginning. So within one view, and while no server starts anew,
 * a walk begins again at most once for each member.
 */
export class Walks {
  private readonly generations = new Generations()

  /** The walk over all but some members. */
  of(router: Router, away: readonly string[]): Walk {
    const basis = basisOf(router)
    const sorted = [...new Set(away)].sort()
    return { generation: this.generations.numberOf(basis + sorted.join(' ')), basis, away: sorted }
  }

  /** The walk that a cursor of this generation belongs to, if it still leads over what is there now. */
  find(router: Router, generation: number): Walk | undefined {
    const whole = this.of(router, [])
    if (whole.generation === generation) return whole
    const text = this.generations.textOf(generation)
    if (text?.startsWith(whole.basis) !== true) return undefined
    return this.of(router, text.slice(whole.basis.length).split(' '))
  }

  isCurrent(router: Router, { basis }: Walk): boolean {
    return basisOf(router) === basis
  }

  /** The generation of cursors that are good as long as this process lives. */
  ofProcess(link: Link): number {
    return this.generations.numberOf(`process ${link.info?.runId ?? ''}`)
  }
}

function basisOf({ view, links }: Router): string {
  return `${view.epoch} ${links.map(({ info }) => info?.runId ?? '-').join(' ')} without `
}
