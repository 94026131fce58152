import type { Draft } from './draft.js'
import { silentTogether } from './silence.js'
import { voices } from './standing.js'
import type { KnownMaster } from './state.js'

/*
 * A connection that says nothing breaks by itself only after half a minute [backend/ping.ts], and until then reads go to a server that
 * does not answer: packets between it and us are lost, or its machine is gone and too few Sentinels are left to say so.
 */

/** Sentinel's own default. */
const DOWN_AFTER_MS = 30_000
/** So much later than the Sentinels would a member is given up that we alone do not reach. */
export const UNREACHED_GRACE_MS = 5000
/** A server that answers a Sentinel and not us for so long is out of our reach: TCP has sent lost packets again by then. */
const UNHEARD_MS = 3000
/** It owed us something from at most a second after its last word on: its answer to a heartbeat. */
const OWED_SINCE_MS = 2000
/** A Sentinel that says sdown is joined by the others within a second; who is odown leaves. */
const SDOWN_GRACE_MS = 2000

/** How long the Sentinels that were asked wait for a server; no time at all when none of them monitors it. */
export function downAfterMsOf(words: readonly { readonly downAfterMs?: number }[]): number {
  return Math.max(0, ...words.map(({ downAfterMs }) => downAfterMs ?? DOWN_AFTER_MS))
}

/**
 * Breaks the connections of members that owe replies and say nothing, when it is not known that they are busy: then reads go to their next
 * replicas, and they leave as others do that we do not reach. Not when most members say nothing: then it is we who hear nothing.
 */
export function breakUnheard(draft: Draft): void {
  const members = [...draft.known.values()].filter(({ inRing }) => inRing)
  const unheard = members.flatMap((master) => {
    const reason = master.link === 'up' ? whyUnheard(draft, master) : undefined
    return reason === undefined ? [] : [{ name: master.name, reason }]
  })
  if (unheard.length * 2 > members.length) return
  for (const { name, reason } of unheard) {
    draft.setKnown(name, { unreachedSinceMs: draft.silence.since.get(name) })
    draft.reset(name, reason)
  }
}

/** Why the connection to a member is worth no more patience; undefined when it is. */
function whyUnheard(draft: Draft, { name, sdown, sparedUntilMs }: KnownMaster): string | undefined {
  const { silence, nowMs } = draft
  const sinceMs = silence.since.get(name)
  const isSpared = sparedUntilMs !== undefined && nowMs < sparedUntilMs
  const isBusy = isSpared || silence.busy.has(name) || silence.sending.has(name) || silentTogether(silence, name)
  if (sinceMs === undefined || isBusy) return undefined
  const silentMs = nowMs - sinceMs
  if (silentMs < UNHEARD_MS) return undefined
  const what = `it owes replies and was silent for ${Math.round(silentMs / 1000)} s`
  // Sentinels that are away have said how long they would wait.
  const words = [...draft.sentinels.values()].flatMap(({ masters }) => masters.get(name) ?? [])
  const witness = voices(draft).find(({ masters }) => (masters.get(name)?.answeredAtMs ?? 0) - sinceMs >= OWED_SINCE_MS)
  if (witness !== undefined) return `${what}, and Sentinel ${witness.address} gets answers from it`
  const downAfterMs = downAfterMsOf(words)
  if (sdown && silentMs >= downAfterMs + SDOWN_GRACE_MS)
    return `${what}, and too few Sentinels are there to declare it down`
  return silentMs >= downAfterMs + UNREACHED_GRACE_MS ? what : undefined
}
