/**
 * The runs that may give members anything; the numbers only grow. Each generation is noted on every member by whoever is in it, as a mark of its own that is
 * never replaced by that of another one: the highest counts, so that it does not matter who writes when. A proxy that is alone is one by itself,
 * and the number is its term.
 */
export interface Generation {
  readonly number: number
  readonly runs: readonly string[]
}

/** What a connection that has its name found on its server. */
export interface GenerationLook<Other extends { readonly run: string }> {
  /** The highest generation that is noted there; 0 when none is. */
  readonly noted: number
  /** All other connections of proxies of the ring, those of our own run among them. */
  readonly others: readonly Other[]
}

/** What follows from a look. All that is to be done is done, and then it is looked again, until nothing is. */
export type GenerationStep<Other> =
  /** No byte of a run that is not in this generation is executed here from now on. */
  | { readonly kind: 'done'; readonly generation: number }
  /** There is a later generation than the one that we know of. */
  | { readonly kind: 'later'; readonly generation: number }
  | { readonly kind: 'note'; readonly kill: readonly Other[] }
  | { readonly kind: 'kill'; readonly kill: readonly Other[] }
  /** We are not in it. */
  | { readonly kind: 'deposed' }

/**
 * The fence before a member, by generations. A connection says its name before it looks, and gives the server nothing before it is done. So at the look
 * that ended with `done` each connection of a run that is not in the generation has been killed, and with it all of its bytes, wherever they were;
 * and one that says its name later finds this generation noted, or a later one, and is not admitted.
 *
 *     name ──> look ──> done
 *               ^  └──> note and kill, kill ──┐
 *               └─────────────────────────────┘
 *
 * Earlier connections of our own run are killed as well: what they still carry would come behind what we give this one.
 */
export function generationStep<Other extends { readonly run: string }>(
  { noted, others }: GenerationLook<Other>,
  known: Generation,
  run: string,
): GenerationStep<Other> {
  if (!known.runs.includes(run)) return { kind: 'deposed' }
  if (noted > known.number) return { kind: 'later', generation: noted }
  const kill = others.filter((other) => other.run === run || !known.runs.includes(other.run))
  if (noted < known.number) return { kind: 'note', kill }
  return kill.length === 0 ? { kind: 'done', generation: known.number } : { kind: 'kill', kill }
}
