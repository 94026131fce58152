/**
 * After so many small steps of a long piece of work others are to have their turn: they take about a millisecond, and
 * nothing else is done in the process meanwhile.
 */
export const STEPS_A_TURN = 250

/** Resolves in the next turn of the event loop, when everybody else has had what was due. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
