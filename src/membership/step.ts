import { decide } from './decide.js'
import { Draft } from './draft.js'
import { observe } from './observe.js'
import type { MembershipAction, MembershipEvent, MembershipState } from './state.js'

/** Two events further apart than this mean that we were stopped. Sentinel's own bound. */
const PAUSE_MS = 2000

/**
 * (L) The membership machine: who belongs to the ring is a function of what was seen [design §8 Membership].
 *
 *     event ──> observe: note it ──> decide: look at everything noted ──> state, actions
 *
 * It is pure: no clock, no socket, no random number. After a pause of ours what arrives is old, so no Sentinel's word
 * decides before its next answer (our own tilt).
 */
export function step(
  state: MembershipState,
  event: MembershipEvent,
): { state: MembershipState; actions: readonly MembershipAction[] } {
  const draft = new Draft(state)
  draft.nowMs = event.nowMs
  observe(draft, event)
  const pausedMs = event.type === 'paused' ? event.ms : event.nowMs - state.nowMs
  if (pausedMs > PAUSE_MS) hearEverybodyAnew(draft, pausedMs)
  decide(draft)
  return draft.finish()
}

function hearEverybodyAnew(draft: Draft, pausedMs: number): void {
  const ms = Math.round(pausedMs)
  draft.log(
    'warn',
    'membership-stalled',
    `we did not run for ${ms} ms: nothing is decided before the Sentinels have answered anew`,
  )
  for (const { address, contact } of draft.sentinels.values()) {
    if (contact === 'heard') draft.setSentinel(address, { contact: 'returning' })
  }
  // Nor has anybody tried to reach them meanwhile, or to write their markers.
  for (const { name, unreachedSinceMs, refusal } of draft.known.values()) {
    if (unreachedSinceMs !== undefined) draft.setKnown(name, { unreachedSinceMs: draft.nowMs })
    if (refusal !== undefined) draft.setKnown(name, { refusal: { ...refusal, sinceMs: draft.nowMs } })
  }
}
