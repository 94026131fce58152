/**
 * After so many small steps of a long piece of work others are to have their turn: they take about a millisecond, and
 * nothing else is done in the process meanwhile.
 */
export const STEPS_A_TURN = 250

/** Resolves in the next turn of the event loop, when everybody else has had what was due. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Does something with each of some things: of very many with so many in one turn, and with the next ones when others have had theirs. */
export async function inTurns<Item>(items: readonly Item[], act: (some: readonly Item[]) => void): Promise<void> {
  for (let from = 0; from < items.length; from += STEPS_A_TURN) {
    if (from > 0) await othersTurn()
    act(items.slice(from, from + STEPS_A_TURN))
  }
}

/** What comes of asking for each of some things, in turns. */
export async function eachInTurns<Item, Reply>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Reply>,
): Promise<Reply[]> {
  const asked: Promise<Reply>[] = []
  await inTurns(items, (some) => {
    for (const item of some) {
      const reply = ask(item)
      // It is told when all have been asked for.
      reply.catch(() => {})
      asked.push(reply)
    }
  })
  return Promise.all(asked)
}
