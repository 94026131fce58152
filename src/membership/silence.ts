import type { View } from '../view/view.js'

/** A link owes replies and has heard nothing for so long: it may be that its server executes something long. */
const SILENT_MS = 300
/** Servers fall silent together when they do so within this: with nothing else to do they answer a heartbeat a second. */
const TOGETHER_MS = 1500

/** Members that are connected, owe replies and say nothing. */
export interface Silence {
  /** By name: when they said something last, in ms. */
  readonly since: ReadonlyMap<string, number>
  /** The natural replicas of ranges, by name, where one of them is silent. */
  readonly sets: readonly (readonly string[])[]
  /** Those, by name, of which it is known why they say nothing, or why they said nothing to others. */
  readonly busy: ReadonlyMap<string, Cause>
  /** Those, by name, that have taken more just now of what they are sent. */
  readonly sending: ReadonlySet<string>
}

/**
 * A client's script, or a transaction that may take as long; values that are large, which are copied for a reply; or a large reply,
 * of which more has come just now.
 */
export type Cause = 'script' | 'transaction' | 'read' | 'reply'

/** So much of a reply that is not whole says that it is a large one. */
const LARGE_REPLY_BYTES = 1024 * 1024

export const NO_SILENCE: Silence = { since: new Map(), sets: [], busy: new Map(), sending: new Set() }

/** What of a link tells whether its server is silent. */
interface Heard {
  readonly name: string
  readonly ready: boolean
  readonly outstanding: number
  readonly lastReceivedMs: number
  readonly owed: { readonly patienceMs: number; readonly readsUntilMs: number; readonly receivedBytes: number }
  readonly scripts: { explainSilence(nowMs: number): boolean }
}

/** Whether it owes replies and has said nothing for a while, by the clock of `performance.now`. */
export function isSilent({ ready, outstanding, lastReceivedMs }: Heard, nowMs: number): boolean {
  return ready && outstanding > 0 && nowMs - lastReceivedMs > SILENT_MS
}

/**
 * Who is silent now, by the same clock as `lastReceivedMs`.
 *
 * @param sending who takes what is sent
 */
export function silenceOf(
  links: readonly Heard[],
  view: View,
  nowMs: number,
  sending: Silence['sending'] = NO_SILENCE.sending,
): Silence {
  const busy = new Map<string, Cause>()
  for (const link of links) {
    const cause = link.ready && link.outstanding > 0 ? causeOf(link, nowMs) : undefined
    if (cause !== undefined) busy.set(link.name, cause)
  }
  const silent = links.filter((link) => isSilent(link, nowMs))
  if (silent.length === 0 && busy.size === 0) return NO_SILENCE
  const since = new Map(silent.map(({ name, lastReceivedMs }) => [name, lastReceivedMs]))
  const sets = view.replicaSets.map(({ natural }) => natural.map(({ name }) => name))
  return { since, sets: sets.filter((names) => names.some((name) => since.has(name))), busy, sending }
}

/**
 * Why a server that owes replies says nothing. What it reads for them explains it from the beginning to the end of that time, also
 * when it speaks again: the Sentinels may say so late. Of a large reply bytes come while the Sentinels' questions wait behind it.
 */
function causeOf(link: Heard, nowMs: number): Cause | undefined {
  const { lastReceivedMs, owed, scripts } = link
  if (nowMs < owed.readsUntilMs) return 'read'
  if (!isSilent(link, nowMs)) return owed.receivedBytes >= LARGE_REPLY_BYTES ? 'reply' : undefined
  if (scripts.explainSilence(nowMs)) return 'script'
  return nowMs - lastReceivedMs < owed.patienceMs ? 'transaction' : undefined
}

/**
 * Whether all replicas of one of a member's ranges fell silent together with it. What they have in common is what they were
 * sent: a write goes to all of them at once. To take them out one after the other would help nobody, for the last one
 * stays, and is as busy as they are.
 */
export function silentTogether({ since, sets }: Silence, name: string): boolean {
  const fromMs = since.get(name)
  if (fromMs === undefined) return false
  const isSilentToo = (other: string) =>
    Math.abs((since.get(other) ?? Number.POSITIVE_INFINITY) - fromMs) <= TOGETHER_MS
  return sets.some((names) => names.length > 1 && names.includes(name) && names.every(isSilentToo))
}
