import type { Draft } from './draft.js'
import { reachable } from './standing.js'
import type { MasterNews, MembershipEvent, SentinelMaster, SentinelNews, SentinelState, TiltNews } from './state.js'

type Event<Type extends MembershipEvent['type']> = Extract<MembershipEvent, { type: Type }>

/** Notes what happened, and decides nothing: this goes on in tilt [design §8 Membership]. */
export function observe(draft: Draft, event: MembershipEvent): void {
  if (event.type === 'sentinel polled') sentinelPolled(draft, event)
  else if (event.type === 'sentinel lost') sentinelLost(draft, event)
  else if (event.type === 'sentinel said') sentinelSaid(draft, event)
  else if (event.type === 'link up') linkUp(draft, event)
  else if (event.type === 'link down') linkDown(draft, event)
  else if (event.type === 'removed before') removedBefore(draft, event)
  else if (event.type === 'added') draft.welcome(event.name)
  else if (event.type === 'told to forget') toldToForget(draft, event)
  else if (event.type === 'tick') looked(draft, event)
}

/** What the links and the markers tell at a tick, if anybody asked them. */
function looked(draft: Draft, { silence, refusals }: Event<'tick'>): void {
  if (silence !== undefined) draft.silence = silence
  if (refusals === undefined) return
  draft.indispensable = refusals.indispensable
  for (const { name, refusal } of [...draft.known.values()]) {
    const reason = refusals.reasons.get(name)
    if (reason === refusal?.reason) continue
    draft.setKnown(name, {
      refusal: reason === undefined ? undefined : { sinceMs: refusal?.sinceMs ?? draft.nowMs, reason },
    })
  }
}

function sentinelPolled(draft: Draft, { sentinel, masters, tilt }: Event<'sentinel polled'>): void {
  const before = draft.sentinels.get(sentinel)
  if (before === undefined) return
  const after = new Map(masters.map((master) => [master.name, withTime(master, draft.nowMs)]))
  const contact = before.contact === 'lost' ? 'returning' : 'heard'
  draft.setSentinel(sentinel, { contact, tried: true, error: '', masters: after })

  // pub/sub is lossy: a name that comes or goes between two answers was monitored or removed in between. One that comes
  // or goes while there is no contact may as well do so because the Sentinel has another configuration.
  const unbroken = before.contact === 'heard' || before.contact === 'returning'
  for (const name of before.masters.keys()) if (unbroken && !after.has(name)) seenRemoved(draft, name)
  const added = before.contact === 'never' ? [] : [...after.keys()].filter((name) => !before.masters.has(name))
  for (const name of added) if (unbroken) seenAdded(draft, name)
  for (const name of added) if (draft.known.has(name)) draft.setKnown(name, { keptBy: undefined })

  const names = [...after.keys()].sort().join(' ') || 'no master whose name matches'
  if (before.contact === 'never')
    draft.log('info', 'sentinel-heard', `Sentinel ${sentinel} answers and monitors ${names}`, { sentinel })
  if (before.contact === 'returning')
    draft.log('info', 'sentinel-back', `Sentinel ${sentinel} answers again and monitors ${names}`, { sentinel })
  if (before.contact === 'never' || before.contact === 'lost') compareWithBefore(draft, before, after)
  noteTilt(draft, before, tilt)
}

function withTime(master: SentinelMaster, nowMs: number): SentinelMaster {
  const { answeredAgoMs } = master
  return answeredAgoMs === undefined ? master : { ...master, answeredAtMs: nowMs - answeredAgoMs }
}

/** What the operator may have forgotten to tell a Sentinel that was away, or what that Sentinel has forgotten. */
function compareWithBefore(draft: Draft, before: SentinelState, after: ReadonlyMap<string, SentinelMaster>): void {
  const { address: sentinel } = before
  for (const name of after.keys()) {
    if (!draft.removed.has(name)) continue
    draft.log(
      'warn',
      'removed-still-monitored',
      `${name} was removed, but Sentinel ${sentinel} still monitors it: that is ignored (dt add brings it back)`,
      {
        member: name,
        sentinel,
      },
    )
  }
  for (const name of before.masters.keys()) {
    if (after.has(name) || draft.removed.has(name)) continue
    draft.log(
      'warn',
      'sentinel-forgets-member',
      `Sentinel ${sentinel} does not monitor ${name} any more, but was not seen to remove it: it stays`,
      {
        member: name,
        sentinel,
      },
    )
  }
}

function sentinelLost(draft: Draft, { sentinel, reason }: Event<'sentinel lost'>): void {
  const before = draft.sentinels.get(sentinel)
  if (before === undefined) return
  draft.setSentinel(sentinel, {
    contact: before.contact === 'never' ? 'never' : 'lost',
    tried: true,
    error: reason,
  })
  const known = before.tried && (before.contact === 'never' || before.contact === 'lost')
  if (!known) draft.log('warn', 'sentinel-lost', `Sentinel ${sentinel} cannot be reached: ${reason}`, { sentinel })
}

function sentinelSaid(draft: Draft, { sentinel, news }: Event<'sentinel said'>): void {
  const before = draft.sentinels.get(sentinel)
  // Before its first answer there is nothing to amend, and that answer will tell more.
  if (before === undefined || before.contact === 'never') return
  if (isTilt(news)) noteTilt(draft, before, news.kind === '+tilt')
  else noteWord(draft, before, news)
}

function isTilt(news: SentinelNews): news is TiltNews {
  return news.kind === '+tilt' || news.kind === '-tilt'
}

function noteWord(draft: Draft, { address, masters }: SentinelState, news: MasterNews): void {
  const { kind, name } = news
  draft.setWord(address, name, amended(masters.get(name), news))
  if (kind === '+monitor') seenAdded(draft, name)
  if (kind === '-monitor') seenRemoved(draft, name)
  // It may be late or missing: only the handshake of the link can be relied on to notice a restart.
  if (kind === '+reboot' && draft.known.has(name)) {
    draft.log('debug', 'member-restarted', `Sentinel ${address} says that ${name} was restarted`, {
      member: name,
      sentinel: address,
    })
  }
}

/** A Sentinel's word about a master after an event; undefined when it does not monitor it. */
function amended(word: SentinelMaster | undefined, news: MasterNews): SentinelMaster | undefined {
  if (news.kind === '-monitor') return undefined
  if (news.kind === '+monitor' || news.kind === '+switch-master') {
    const { name, host, port } = news
    return { ...word, name, host, port, sdown: false, odown: false }
  }
  if (word === undefined) return undefined
  switch (news.kind) {
    case '+sdown':
      return { ...word, sdown: true }
    case '+odown':
      return { ...word, sdown: true, odown: true }
    case '-odown':
      return { ...word, odown: false }
    case '-sdown':
      return { ...word, sdown: false }
    case '+reboot':
      return word
  }
}

function linkUp(draft: Draft, { name }: Event<'link up'>): void {
  if (draft.known.has(name)) draft.setKnown(name, { link: 'up', linkReason: '', unreachedSinceMs: undefined })
  // It was the connection before this one that said nothing.
  const { silence } = draft
  draft.silence = { ...silence, since: new Map([...silence.since].filter(([silent]) => silent !== name)) }
}

function linkDown(draft: Draft, { name, reason }: Event<'link down'>): void {
  const before = draft.known.get(name)
  // `idle`: we have closed it ourselves.
  if (before === undefined || before.link === 'idle') return
  const unreachedSinceMs = before.unreachedSinceMs ?? draft.nowMs
  draft.setKnown(name, { link: 'down', linkReason: reason, unreachedSinceMs })
  // A member's first reason is told when it becomes suspect; another one may be what the operator has to mend.
  const another = before.link === 'down' && before.linkReason !== reason
  if (another || (before.link === 'connecting' && !before.inRing)) {
    draft.log('warn', 'link-lost', `${name} cannot be reached: ${reason}`, { member: name })
  }
}

function removedBefore(draft: Draft, { names }: Event<'removed before'>): void {
  for (const name of names) if (!draft.added.has(name)) draft.removed.add(name)
}

/** That is as good as to be seen to forget it, which may have escaped us; what they are asked next they answer without it. */
function toldToForget(draft: Draft, { name, sentinels }: Event<'told to forget'>): void {
  seenRemoved(draft, name)
  const { keptBy } = draft.known.get(name) ?? {}
  if (keptBy !== undefined) draft.setKnown(name, { keptBy: keptBy.filter((address) => !sentinels.includes(address)) })
}

/** In tilt a Sentinel looks at nobody: what it has said of its masters is as old as the tilt, until it answers again. */
function noteTilt(draft: Draft, { address, tilt: before }: SentinelState, tilt: boolean): void {
  if (tilt === before) return
  draft.setSentinel(address, { tilt })
  if (tilt) {
    draft.log('warn', 'sentinel-tilt', `Sentinel ${address} is in tilt: nothing is decided by its word`, {
      sentinel: address,
    })
    return
  }
  draft.log('info', 'sentinel-tilt-over', `Sentinel ${address} has left tilt`, { sentinel: address })
  if (draft.sentinels.get(address)?.contact === 'heard') draft.setSentinel(address, { contact: 'returning' })
}

function seenAdded(draft: Draft, name: string): void {
  draft.welcome(name)
  if (draft.known.has(name)) draft.setKnown(name, { keptBy: undefined })
}

function seenRemoved(draft: Draft, name: string): void {
  const keepers = reachable(draft).filter(({ masters }) => masters.has(name))
  const before = draft.known.get(name)
  if (before === undefined || before.keptBy !== undefined) return
  draft.setKnown(name, { keptBy: keepers.map(({ address }) => address) })
}
