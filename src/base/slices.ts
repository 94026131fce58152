/**
 * Work that takes long, done a little in each turn of the event loop, so that nobody else waits for it: all that there is of it
 * shares one slice of a turn, and each piece has its step in it, one after the other.
 *
 *     turn   [clients, servers] [step of a, step of b, step of a …  2 ms] [clients, servers] [step of b …
 */

const SLICE_MS = 2

/** Does a step, which should take a tenth of a millisecond; whether there is another one. */
export type Step = () => boolean

interface Work {
  readonly step: Step
  readonly done: () => void
  readonly failed: (failure: Error) => void
}

const waiting: Work[] = []

/** Resolves, in a turn of its own, when all steps are done. */
export function inSlices(step: Step): Promise<void> {
  return new Promise((done, failed) => {
    waiting.push({ step, done, failed })
    if (waiting.length === 1) setImmediate(slice)
  })
}

function slice(): void {
  const untilMs = performance.now() + SLICE_MS
  do goOn(waiting[0])
  while (waiting.length > 0 && performance.now() < untilMs)
  if (waiting.length > 0) setImmediate(slice)
}

/** Who has had a step is behind the others. */
function goOn(work: Work): void {
  let isOver = true
  try {
    isOver = !work.step()
    if (isOver) work.done()
  } catch (failure) {
    work.failed(failure as Error)
  }
  waiting.shift()
  if (!isOver) waiting.push(work)
}
