import type { Member } from '../view/view.js'
import type { Draft } from './draft.js'
import { type Cause, silentTogether } from './silence.js'
import { odownBy, reachable, reasonOut, standingOf, twinOf, voices, words } from './standing.js'
import type { KnownMaster } from './state.js'
import { breakUnheard, downAfterMsOf, UNREACHED_GRACE_MS } from './unheard.js'

/** How long the first view waits for members that are neither there nor declared down. */
const START_GRACE_MS = 2000
/** One that was busy is kept for so long after that at least: it may need longer than others, and the Sentinels see it late. */
const SPARE_MS = 3000

const BUSY_WITH: Record<Cause, string> = {
  script: 'it executes a script that takes long',
  transaction: 'it executes a transaction that takes long',
  read: 'it was asked for large values, which takes it long to copy',
  reply: 'a large reply is coming from it',
}

/**
 * Draws the consequences of everything seen so far. It looks at the whole state and not at the last event, so that a
 * lost, doubled or late event does no harm.
 */
export function decide(draft: Draft): void {
  noticeLoneliness(draft)
  learnMasters(draft)
  forgetRemoved(draft)
  ignoreRemovedBefore(draft)
  if (voices(draft).length > 0) {
    followAddresses(draft)
    for (const master of draft.known.values()) {
      draft.setKnown(master.name, { sdown: words(draft, master.name).some(({ sdown }) => sdown) })
    }
  }
  wishLinks(draft)
  if (draft.phase === 'starting') {
    firstMembers(draft)
  } else {
    if (voices(draft).length > 0) {
      joins(draft)
      leaves(draft)
    }
    breakUnheard(draft)
  }
  publishChange(draft)
}

/** Without any Sentinel the view stays as it is. */
function noticeLoneliness(draft: Draft): void {
  const sentinels = [...draft.sentinels.values()]
  const alone = reachable(draft).length === 0 && sentinels.every(({ tried }) => tried)
  if (alone && !draft.alone)
    draft.log('warn', 'sentinels-silent', 'no Sentinel can be reached: the members stay as they are')
  draft.alone = alone
}

/** Whatever a Sentinel that answers monitors is known, and gets a link; to be known is not yet to be a member. */
function learnMasters(draft: Draft): void {
  for (const { address, masters } of reachable(draft)) {
    for (const { name, host, port } of [...masters.values()].sort(byName)) {
      if (draft.known.has(name) || draft.removed.has(name)) continue
      draft.known.set(name, {
        name,
        host,
        port,
        link: 'idle',
        linkReason: '',
        unreachedSinceMs: undefined,
        inRing: false,
        sdown: false,
        sparedUntilMs: undefined,
        refusal: undefined,
        keptBy: undefined,
      })
      draft.log('info', 'member-known', `${name} is known at ${host}:${port}`, { member: name, sentinel: address })
      const twin = twinOf(draft, draft.known.get(name)!)
      if (twin !== undefined)
        draft.log('warn', 'member-twin', `${name} is not used, because it is the same server as ${twin}`, {
          member: name,
        })
    }
  }
}

/**
 * SENTINEL REMOVE: gone when no Sentinel that answers monitors it, and one was seen to stop. Sentinels without it from
 * the start prove nothing: they may have lost their configuration.
 */
function forgetRemoved(draft: Draft): void {
  if (voices(draft).length === 0) return
  for (const master of [...draft.known.values()]) {
    const { name, inRing, link } = master
    if (!isRemoved(draft, master)) continue
    if (link !== 'idle') draft.disconnect(name)
    draft.forget(name)
    const consequence = inRing ? 'it leaves the ring' : 'it is forgotten'
    draft.log('warn', 'member-removed', `${name} was removed from Sentinel: ${consequence}`, { member: name })
  }
}

/** Known only because a Sentinel was not told that it was removed, when no word of the ring had been read yet. */
function ignoreRemovedBefore(draft: Draft): void {
  for (const { name, link } of [...draft.known.values()]) {
    if (!draft.removed.has(name)) continue
    if (link !== 'idle') draft.disconnect(name)
    draft.forget(name)
    const consequence = 'a Sentinel still monitors it: that is ignored (dt add brings it back)'
    draft.log('warn', 'member-removed-before', `${name} was removed before this start, but ${consequence}`, {
      member: name,
    })
  }
}

function isRemoved(draft: Draft, { name, keptBy }: KnownMaster): boolean {
  if (keptBy === undefined) return false
  const counts = [...reachable(draft), ...keptBy.map((address) => draft.sentinels.get(address)!)]
  return counts.every(({ masters }) => !masters.has(name))
}

/** The address that most Sentinels give; on a tie the present one, so that Sentinels that disagree do not toss it about. */
function followAddresses(draft: Draft): void {
  for (const { name, host, port, link } of [...draft.known.values()]) {
    const said = words(draft, name)
    const count = (word: { host: string; port: number }) =>
      said.filter((other) => other.host === word.host && other.port === word.port).length
    let best = { host, port }
    for (const word of said) if (count(word) > count(best)) best = word
    if (best.host === host && best.port === port) continue
    draft.log('warn', 'member-moved', `${name} has moved from ${host}:${port} to ${best.host}:${best.port}`, {
      member: name,
    })
    draft.setKnown(name, { host: best.host, port: best.port, link: 'idle', unreachedSinceMs: undefined })
    if (link !== 'idle') draft.disconnect(name)
  }
}

/** One link for every known server, also for those outside the ring: its handshake is what brings them back. */
function wishLinks(draft: Draft): void {
  for (const master of [...draft.known.values()]) {
    const twin = twinOf(draft, master)
    if (twin === undefined && master.link === 'idle') draft.connect(master.name)
    if (twin === undefined || master.link === 'idle') continue
    draft.setKnown(master.name, { link: 'idle', linkReason: '' })
    draft.disconnect(master.name)
  }
}

/**
 * The first view: as soon as everybody is either there or declared down, or after a grace without those who are declared
 * down. One that is neither is taken as a member: its keys must not be sought elsewhere only because we started early.
 */
function firstMembers(draft: Draft): void {
  const known = [...draft.known.values()]
  if (known.length === 0) return
  draft.knownSinceMs ??= draft.nowMs
  const settled = ({ name, link }: KnownMaster) => {
    const odown = odownBy(draft, name) !== undefined
    return link === 'idle' || (link === 'up' && !odown) || (link === 'down' && odown)
  }
  const complete = [...draft.sentinels.values()].every(({ tried }) => tried) && known.every(settled)
  if (!complete && draft.nowMs - draft.knownSinceMs < START_GRACE_MS) return
  const members = known.filter(({ name, link }) => link !== 'idle' && odownBy(draft, name) === undefined)
  if (!members.some(({ link }) => link === 'up')) return

  draft.phase = 'running'
  for (const { name } of members) draft.setKnown(name, { inRing: true })
  const names = members.map(({ name }) => name).sort()
  draft.log('info', 'ring-starts', `the ring starts with ${names.join(' ')}`)
  for (const master of known) {
    if (names.includes(master.name)) continue
    draft.log('warn', 'ring-starts-without', `the ring starts without ${master.name}: ${reasonOut(draft, master)}`, {
      member: master.name,
    })
  }
}

function joins(draft: Draft): void {
  for (const master of [...draft.known.values()]) {
    if (master.inRing || reasonOut(draft, master) !== undefined) continue
    draft.setKnown(master.name, { inRing: true })
    draft.log('info', 'member-joined', `${master.name} joins the ring, because it is up`, { member: master.name })
  }
}

/**
 * odown takes a member out [design §8 Membership]. Its connection is made anew, because it has missed writes from now on
 * and because only a new handshake says that it is back: a server that was merely slow never breaks the old one.
 */
function leaves(draft: Draft): void {
  leavesUnreached(draft)
  leavesRefusing(draft)
  for (const { name, link, inRing } of [...draft.known.values()]) {
    const sentinel = odownBy(draft, name)
    if (sentinel === undefined) draft.setKnown(name, { sparedUntilMs: undefined })
    if (!inRing || sentinel === undefined || (link === 'up' && isSpared(draft, name))) continue
    draft.setKnown(name, { inRing: false, sparedUntilMs: undefined })
    draft.log('warn', 'member-down', `${name} leaves the ring, because it is odown`, { member: name, sentinel })
    if (link !== 'up') continue
    draft.disconnect(name)
    draft.connect(name)
  }
}

/**
 * A member that is declared down while all replicas of one of its ranges say nothing, since the same moment and with something
 * to answer, is taken for busy with what they all were sent: nobody could take its place [design §8 Membership]. When one
 * of them answers, the others have as long again as it has taken so far. Its link breaks in the end, if it is dead. So is one
 * that a script keeps busy, which says so over another connection: the script would be lost, and may have written. And one that a large
 * transaction or large values may keep busy: its client would try it on the next one. And one from which a large reply is coming.
 */
function isSpared(draft: Draft, name: string): boolean {
  const { sparedUntilMs } = draft.known.get(name)!
  const { silence, nowMs } = draft
  const cause = silence.busy.get(name)
  if (cause === undefined && !silentTogether(silence, name)) return sparedUntilMs !== undefined && nowMs < sparedUntilMs
  const forMs = nowMs - silence.since.get(name)!
  draft.setKnown(name, { sparedUntilMs: nowMs + Math.max(SPARE_MS, cause === undefined ? forMs : 0) })
  if (sparedUntilMs === undefined) {
    draft.log(
      'warn',
      'member-busy',
      cause !== undefined
        ? `${name} is odown and stays: ${BUSY_WITH[cause]}`
        : `${name} is odown and stays: all replicas of some of its ranges fell silent together, as with a slow command`,
      { member: name },
    )
  }
  return true
}

/**
 * A member that the Sentinels reach and we do not: its keys cannot be written, so it is taken out some time after the
 * Sentinels would have done it [design §8 Membership]. Not when most members are out of our reach: then it is we who are.
 */
function leavesUnreached(draft: Draft): void {
  const members = [...draft.known.values()].filter(({ inRing }) => inRing)
  const isAlone = members.filter(({ link }) => link === 'up').length * 2 <= members.length
  for (const { name, unreachedSinceMs } of members) {
    if (unreachedSinceMs === undefined) continue
    if (isAlone) {
      draft.setKnown(name, { unreachedSinceMs: draft.nowMs })
      continue
    }
    const forMs = draft.nowMs - unreachedSinceMs
    if (forMs < downAfterMsOf(words(draft, name)) + UNREACHED_GRACE_MS) continue
    draft.setKnown(name, { inRing: false })
    draft.log(
      'warn',
      'member-unreachable',
      `${name} leaves the ring, because it has not been reached for ${Math.floor(forMs / 1000)} s`,
      {
        member: name,
      },
    )
  }
}

/**
 * A member that answers and does not take its marker, as one that has no memory left: what it has of the latest view is not
 * noted there, and what it refuses of writes no other one can make good. It fails like one that is down, and its next
 * handshake, in which it has to take a mark, says whether it is back [design §8 Membership]. One at a time, because the next
 * one may be the last that has a range then; and not when most members refuse: then nobody has room for what these have.
 */
function leavesRefusing(draft: Draft): void {
  const members = [...draft.known.values()].filter(({ inRing }) => inRing)
  const refusing = members.filter(({ refusal }) => refusal !== undefined)
  if (refusing.length * 2 > members.length) return
  for (const { name, refusal, link } of refusing) {
    const forMs = draft.nowMs - (refusal?.sinceMs ?? draft.nowMs)
    if (forMs < downAfterMsOf(words(draft, name)) || draft.indispensable.has(name)) continue
    draft.setKnown(name, { inRing: false, refusal: undefined })
    draft.log(
      'warn',
      'member-unmarked',
      `${name} leaves the ring, because it has not taken its marker for ${Math.floor(forMs / 1000)} s: ` +
        `${refusal?.reason}; it is back when it takes it${remedyFor(refusal?.reason)}`,
      { member: name },
    )
    if (link === 'up') {
      draft.disconnect(name)
      draft.connect(name)
    }
    return
  }
}

/** What to do about what a server says when it refuses something. */
function remedyFor(reason = ''): string {
  if (/^OOM\b/.test(reason)) return " (out of memory: raise its maxmemory, or remove what is not the ring's)"
  if (!/^(NOAUTH|NOPERM|WRONGPASS)\b/.test(reason)) return ''
  return ' (give the user of backend.username its rights and password there, see docs/security.md)'
}

/** Who is a member is told once a step, whatever the number of changes. */
function publishChange(draft: Draft): void {
  if (draft.phase === 'starting') return
  const members = [...draft.known.values()]
    .filter(({ inRing }) => inRing)
    .sort(byName)
    .map(({ name, host, port, link, sdown }): Member => {
      return { name, host, port, state: link === 'up' && !sdown ? 'up' : 'suspect' }
    })
  const before = draft.members
  if (JSON.stringify(members) === JSON.stringify(before)) return
  draft.publish(members)
  for (const { name, state } of members) {
    const earlier = before.find((member) => member.name === name)?.state ?? 'up'
    if (state === earlier) continue
    if (state === 'up') draft.log('info', 'member-up', `${name} is up again`, { member: name })
    else
      draft.log('warn', 'member-suspect', `${name} is suspect: ${standingOf(draft, draft.known.get(name)!)}`, {
        member: name,
      })
  }
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1
}
