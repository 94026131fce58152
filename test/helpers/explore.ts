import { createHash } from 'node:crypto'

/** A world whose states are plain values, and the steps that may be taken in each. */
export interface World<State> {
  first(): State
  possible(state: State): string[]
  /** In place. @throws what is wrong, if anything is */
  happens(state: State, step: string): void
}

export interface Found {
  /** How many different states were met. */
  readonly states: number
  /** What was wrong, and a way to it; undefined when nothing was. */
  readonly wrong: string | undefined
  readonly way: readonly string[]
  /** There were more. */
  readonly isCutShort: boolean
}

interface Met {
  readonly text: string
  readonly step: string
  readonly from: Met | undefined
}

/** Takes all steps in all orders. */
export function explore<State>(world: World<State>, statesMax: number): Found {
  const met = new Set<string>()
  const toVisit: Met[] = [{ text: JSON.stringify(world.first()), step: '', from: undefined }]
  for (let from = toVisit.pop(); from !== undefined; from = toVisit.pop()) {
    const way: Met = { text: '', step: from.step, from: from.from }
    for (const step of world.possible(JSON.parse(from.text))) {
      const state = JSON.parse(from.text)
      try {
        world.happens(state, step)
      } catch (failure) {
        const wrong = (failure as Error).message
        return { states: met.size, wrong, way: wayTo({ text: '', step, from: way }), isCutShort: false }
      }
      const text = JSON.stringify(state)
      const digest = createHash('md5').update(text).digest('base64')
      if (met.has(digest)) continue
      if (met.size >= statesMax) return { states: met.size, wrong: undefined, way: [], isCutShort: true }
      met.add(digest)
      toVisit.push({ text, step, from: way })
    }
  }
  return { states: met.size, wrong: undefined, way: [], isCutShort: false }
}

function wayTo(last: Met): string[] {
  const way: string[] = []
  for (let at: Met | undefined = last; at?.from !== undefined; at = at.from) way.push(at.step)
  return way.reverse()
}
