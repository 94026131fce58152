import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import type { Order } from '../order/order.js'
import { differingValues } from './compare-value.js'
import { integerIn } from './differing.js'
import { InStep, KEY, UnsettledError } from './in-step.js'

/** Up to this size a value is first compared as DUMP gives it, in one go: equal dumps are equal values. */
const DUMP_BYTES_MAX = 256 * 1024
/** So close to the deadline of a key one replica may have expired it and another not. */
const NEAR_DEADLINE_MS = 1500
const NO_KEY = -2

/** How a backup's copy of a key stands to the master's, or that the master's stands alone against theirs. */
export type CopyState = 'same' | 'missing' | 'extra' | 'type' | 'value' | 'ttl' | 'outvoted'

type States = { readonly states: CopyState[]; readonly deadlines: number[] }

/** What one look at all copies of a key showed. */
export type Look =
  | {
      readonly kind: 'seen'
      /** The natural replicas, the master first, and how their copies stand to the master's. */
      readonly links: readonly Link[]
      readonly states: readonly CopyState[]
      /** The first of them that has the key. */
      readonly holder: Link | undefined
    }
  /** Nothing can be said now. */
  | { readonly kind: 'unsettled'; readonly why: string; readonly lookAgainMs: number }
  /** A replica is away, so the key cannot be compared before it is back. */
  | { readonly kind: 'away'; readonly member: string }

/** Where a look said nothing, the next one follows after this time. */
const LOOK_AGAIN_MS = 250

/**
 * Compares the copies of a key on all natural replicas: whether they have it, type, value and deadline.
 *
 * @param id the key, see `keyId`
 * @param bytes about how much memory its value takes
 */
export async function compareKey(order: Order, id: KeyId, bytes: number): Promise<Look> {
  const { key } = keyOfId(id)
  const links = order.router.routeOfKey(key, 0, key.length).natural
  const away = links.find((link) => !link.ready)
  if (away !== undefined) return { kind: 'away', member: away.name }
  if (isDoubtful(order, links, id)) return unsettled('a write of it is in doubt')
  try {
    const replicas = new InStep(order.lanes, links, id)
    const seen = await statesOf(replicas, bytes)
    const { deadlines } = seen
    const isAlone = await isMasterAlone(replicas, seen, bytes, !order.uncertainty.isSettled(id))
    const states = isAlone ? links.map((_, i): CopyState => (i === 0 ? 'outvoted' : 'same')) : seen.states
    const differs = states.some((state) => state !== 'same')
    // Every write before the look has been answered by now, so what it left in doubt is known.
    if (differs && isDoubtful(order, links, id)) return unsettled('a write of it is in doubt')
    const untilMs = differs ? untilExpired(deadlines) : 0
    if (untilMs > 0) return unsettled('it is about to expire', untilMs)
    return { kind: 'seen', links, states, holder: links[deadlines.findIndex((deadline) => deadline !== NO_KEY)] }
  } catch (error) {
    if (error instanceof UnsettledError) return unsettled(error.message)
    throw error
  }
}

/**
 * Whether the master alone has something else than all its backups, which are equal and have the key: then they are right, and
 * it has lost something [design §8 Verify]. What all backups lack is no proof of anything. After a stop that was not in
 * order the master may have a write that nobody else got, and that was read: then only what it lacks counts as lost.
 */
async function isMasterAlone(
  replicas: InStep,
  { states, deadlines }: States,
  bytes: number,
  isUncertain: boolean,
): Promise<boolean> {
  const [, ...backups] = replicas.links
  const [deadline, ...others] = deadlines
  if (backups.length < 2 || states.some((state, i) => i > 0 && state === 'same')) return false
  if (others.includes(NO_KEY) || (isUncertain && deadline !== NO_KEY)) return false
  const among = await statesOf(replicas.on(backups), bytes)
  return among.states.every((state) => state === 'same')
}

async function statesOf(replicas: InStep, bytes: number): Promise<States> {
  const whole = bytes <= DUMP_BYTES_MAX
  const [expiries, contents] = await replicas.both(['PEXPIRETIME', KEY], whole ? ['DUMP', KEY] : ['TYPE', KEY])
  const deadlines = expiries.map(integerIn)
  const has = (i: number) => deadlines[i] !== NO_KEY
  const states = deadlines.map((deadline, i): CopyState => {
    if (has(i) !== has(0)) return has(0) ? 'missing' : 'extra'
    return deadline === deadlines[0] ? 'same' : 'ttl'
  })
  const isOpen = (i: number) => i > 0 && has(0) && has(i) && (!whole || !contents[i].equals(contents[0]))
  const open = [...states.keys()].filter(isOpen)
  if (open.length > 0) {
    const compared = replicas.on([replicas.links[0], ...open.map((i) => replicas.links[i])])
    const found = await valueStates(compared, bytes)
    for (const [k, i] of open.entries()) if (found[k + 1] !== 'same') states[i] = found[k + 1]
  }
  return { states, deadlines }
}

/** For replicas that all have the key. */
async function valueStates(replicas: InStep, bytes: number): Promise<CopyState[]> {
  const types = await replicas.all('TYPE', KEY)
  const states = types.map((type): CopyState => (type.equals(types[0]) ? 'same' : 'type'))
  const alike = [...states.keys()].filter((i) => states[i] === 'same')
  if (alike.length === 1) return states
  const type = types[0].latin1Slice(1, types[0].length - 2)
  const differing = await differingValues(replicas.on(alike.map((i) => replicas.links[i])), { type, bytes })
  for (const [k, i] of alike.entries()) if (differing[k]) states[i] = 'value'
  return states
}

function isDoubtful({ doubts }: Order, links: readonly Link[], id: KeyId): boolean {
  return links.some((link) => doubts.isInDoubt(link, id))
}

/** How long until a key that is about to expire has expired everywhere, in ms; 0 when it is not about to. */
function untilExpired(deadlines: readonly number[]): number {
  const left = Math.max(...deadlines.filter((deadline) => deadline >= 0).map((deadline) => deadline - preciseNowMs()))
  return left < NEAR_DEADLINE_MS && Number.isFinite(left) ? Math.max(left, 0) + LOOK_AGAIN_MS : 0
}

function unsettled(why: string, lookAgainMs = LOOK_AGAIN_MS): Look {
  return { kind: 'unsettled', why, lookAgainMs }
}
