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
  /** Those, by name, of which it is known why: a client's script runs there, or a transaction that may take as long. */
  readonly busy: ReadonlyMap<string, Cause>
}

export type Cause = 'script' | 'transaction'

export const NO_SILENCE: Silence = { since: new Map(), sets: [], busy: new Map() }

/** What of a link tells whether its server is silent. */
interface Heard {
  readonly name: string
  readonly ready: boolean
  readonly outstanding: number
  readonly lastReceivedMs: number
  readonly patienceMs: number
  readonly scripts: { explainSilence(nowMs: number): boolean }
}

/** Who is silent now, by the same clock as `lastReceivedMs`. */
export function silenceOf(links: readonly Heard[], view: View, nowMs: number): Silence {
  const silent = links.filter(
    ({ ready, outstanding, lastReceivedMs }) => ready && outstanding > 0 && nowMs - lastReceivedMs > SILENT_MS,
  )
  if (silent.length === 0) return NO_SILENCE
  const since = new Map(silent.map(({ name, lastReceivedMs }) => [name, lastReceivedMs]))
  const sets = view.replicaSets.map(({ natural }) => natural.map(({ name }) => name))
  const busy = new Map<string, Cause>()
  for (const { name, scripts, lastReceivedMs, patienceMs } of silent) {
    if (scripts.explainSilence(nowMs)) busy.set(name, 'script')
    else if (nowMs - lastReceivedMs < patienceMs) busy.set(name, 'transaction')
  }
  return { since, sets: sets.filter((names) => names.some((name) => since.has(name))), busy }
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
