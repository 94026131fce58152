import type { Link } from '../backend/link.js'
import type { Route } from './router.js'

/** Who is asked what any member answers alike, and has said nothing for so long, may have fallen silent: another one is asked, too. */
const PATIENCE_MS = 100

/**
 * What the first of some members says that answers, so that a silent one holds up nobody.
 *
 *     one      asked ····················
 *     another         100 ms ─> asked ─> answers: that counts
 *
 * @param ask has a member do something that may be done more than once
 * @returns undefined when none of them can be asked now; rejects as the last of them when all have failed
 */
export function askAny<T>(members: Route, ask: (link: Link) => Promise<T>): Promise<T> | undefined {
  const first = members.serving()
  if (first === undefined) return undefined
  const others = members.natural.filter((link) => link !== first)
  return new Promise((resolve, reject) => {
    let open = 0
    let timer: NodeJS.Timeout | undefined
    let isOver = false
    const answered = (said: T) => {
      isOver = true
      clearTimeout(timer)
      resolve(said)
    }
    const next = (failure?: unknown) => {
      clearTimeout(timer)
      if (isOver) return
      let link = others.shift()
      while (link?.serving === false) link = others.shift()
      if (link !== undefined) begin(link)
      else if (open === 0) reject(failure)
    }
    const begin = (link: Link) => {
      open++
      timer = setTimeout(next, PATIENCE_MS)
      ask(link).then(answered, (failure) => {
        open--
        next(failure)
      })
    }
    begin(first)
  })
}
