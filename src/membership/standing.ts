import type { KnownMaster, MembershipState, SentinelMaster, SentinelState } from './state.js'

/** What the Sentinels' words and the links amount to for one master: questions that deciding and displaying share. */
type Seen = Pick<MembershipState, 'sentinels' | 'known' | 'phase'>

/** Sentinels that answer, in tilt or not: what they say is collected. */
export function reachable(seen: Seen): SentinelState[] {
  return [...seen.sentinels.values()].filter(({ contact }) => contact === 'heard' || contact === 'returning')
}

/** Sentinels whose word decides: those that answer, are not in tilt, and have not just come back. */
export function voices(seen: Seen): SentinelState[] {
  return [...seen.sentinels.values()].filter(({ contact, tilt }) => contact === 'heard' && !tilt)
}

/** What the deciding Sentinels say about a master. */
export function words(seen: Seen, name: string): SentinelMaster[] {
  return voices(seen).flatMap(({ masters }) => masters.get(name) ?? [])
}

/** The address of the Sentinel that says odown, or undefined. One is enough: odown is already the quorum's word. */
export function odownBy(seen: Seen, name: string): string | undefined {
  return voices(seen).find(({ masters }) => masters.get(name)?.odown)?.address
}

/**
 * The master that already stands for the same server, or undefined. Two names for one server would put two copies of a
 * key on one machine, and two links would kill each other's connection.
 */
export function twinOf(seen: Seen, master: KnownMaster): string | undefined {
  for (const other of seen.known.values()) {
    if (other.name === master.name || other.host !== master.host || other.port !== master.port) continue
    if (other.inRing === master.inRing ? other.name < master.name : other.inRing) return other.name
  }
  return undefined
}

/** Why a master cannot join now, or undefined when it can: a link handshake is "back", the absence of odown is not. */
export function reasonOut(seen: Seen, master: KnownMaster): string | undefined {
  const twin = twinOf(seen, master)
  if (twin !== undefined) return `it is the same server as ${twin}`
  const sentinel = odownBy(seen, master.name)
  if (sentinel !== undefined) {
    const link = master.link === 'down' ? `; its link is down: ${master.linkReason}` : ''
    return `Sentinel ${sentinel} says odown${link}`
  }
  if (master.link === 'down') return `its link is down: ${master.linkReason}`
  if (master.link !== 'up') return 'its link is not up yet'
  if (words(seen, master.name).length === 0) return 'no Sentinel that can decide monitors it'
  return undefined
}

/** Where a master stands and why, in words, for display. */
export function standingOf(seen: Seen, master: KnownMaster): string {
  if (!master.inRing) {
    if (seen.phase === 'starting') return reasonOut(seen, master) ?? 'waiting for the first view'
    return reasonOut(seen, master) ?? 'joining'
  }
  if (master.link === 'down') return `its link is down: ${master.linkReason}`
  if (master.link !== 'up') return 'its link is not up yet'
  if (master.sdown) return 'Sentinel says sdown'
  if (master.refusal !== undefined) return `it does not take its marker: ${master.refusal.reason}`
  return voices(seen).length > 0 && words(seen, master.name).length === 0 ? 'no Sentinel monitors it' : ''
}
