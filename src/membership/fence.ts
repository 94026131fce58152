import { type Generation, generationStep } from './generation.js'
import type { Refusal } from './guard.js'
import { type Owner, supersedes } from './marker.js'
import type { ProxyConnection } from './rivals.js'

/**
 * What a connection that has its name found on its server: first who else is connected, and then, perhaps a little later, whose
 * the server is. Not the other way round: somebody could write his mark between the two, and be gone again, and what he has
 * claimed would not be his. No transaction is needed, which a server without memory would refuse. Whoever has his name after the list looks later still,
 * finds this connection, and kills it before his own fence is closed.
 */
export interface FenceLook {
  /** All other connections of proxies of the ring, those of our own run among them. */
  readonly others: readonly ProxyConnection[]
  /** Whose the server is, by its mark. */
  readonly owner: Owner | undefined
  /** The highest generation that is noted there; 0 when none is. */
  readonly noted: number
  /** Why it may not be a member, if so. */
  readonly refusal: Refusal | undefined
  /** Whether it has to take our marks, also if it has them: somebody who refused what is noted on members may do so still. */
  readonly hasToTakeMarks: boolean
}

/** What follows from a look. All that is to be done is done, marks in one transaction with it, and then it is looked again. */
export type FenceStep =
  /** The server is ours: from here on it may be given something over this connection. */
  | { readonly kind: 'done' }
  | { readonly kind: 'kill'; readonly connections: readonly ProxyConnection[] }
  | { readonly kind: 'write marks'; readonly kill: readonly ProxyConnection[] }
  /** Somebody took over from us: its owner, or one of a later generation, whose mark another one may have replaced. */
  | { readonly kind: 'deposed' }
  | { readonly kind: 'refuse'; readonly refusal: Refusal }

/**
 * The fence before a member [design §9]: bytes can lie, for any time, in what carried them to the server: in the kernels,
 * in the network, in the server's buffers. They all belong to some connection that the server still has, and end with it.
 *
 *     name ──> look ──> done             the marks are ours, and nobody else is connected
 *               ^  └──> marks, kill ──┐
 *               └─────────────────────┘
 *
 * A connection says its name before it looks, and gives the server nothing before it is done. So at the look that ended
 * with `done` every connection that could carry anything had been killed, or was seen and is killed before the next look;
 * and who comes later finds the marks. That counts for earlier connections of our own as well: a link that broke without
 * the server noticing, or that was given up because the server was declared down, may deliver its bytes much later.
 */
export function fenceStep(
  { others, owner, noted, refusal, hasToTakeMarks }: FenceLook,
  self: Pick<Owner, 'run' | 'term'>,
  known: Generation,
): FenceStep {
  if (refusal !== undefined) return { kind: 'refuse', refusal }
  if (followerIn(owner, self) !== undefined) return { kind: 'deposed' }
  const step = generationStep({ noted, others }, known, self.run)
  if (step.kind === 'later' || step.kind === 'deposed') return { kind: 'deposed' }
  const kill = step.kind === 'done' ? [] : step.kill
  if (step.kind === 'note' || owner?.run !== self.run || hasToTakeMarks) return { kind: 'write marks', kill }
  return kill.length > 0 ? { kind: 'kill', connections: kill } : { kind: 'done' }
}

/** The owner of a server, if he came after us. */
export function followerIn(owner: Owner | undefined, self: Pick<Owner, 'run' | 'term'>): Owner | undefined {
  return owner !== undefined && owner.run !== self.run && supersedes(owner, self) ? owner : undefined
}
