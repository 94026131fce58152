import type { TokenRange } from '../ring/token-range.js'
import { buildView } from '../view/build-view.js'
import type { Member, ReplicaSet, View } from '../view/view.js'
import { viewOfNames } from '../view/view-codec.js'
import { naturalOf, type Standing, type Standings, standingsOf } from './came-back.js'
import { type Council, councilOf, distinct, leftOf, missingAtStart } from './council.js'
import { explainLater, explainLost, explainMissing, explainStrays, list } from './explain-start.js'
import { whyNotFit } from './fit.js'
import { type FoundServer, refusalOf, STRAY } from './guard.js'
import { answeredOf, hasStopped, highestHeartbeat } from './heartbeats.js'
import { isNewer, type KeptRecord, stampOf, type ViewRecord } from './marker.js'
import { isLater, isStray, type Stamp, type Succession } from './provenance.js'

/** Everything that is known when a proxy starts. */
export interface StartInput {
  readonly ring: {
    readonly id: string
    readonly replicas: number
    readonly virtualNodes: number
    readonly keyGroups?: readonly string[]
  }
  /** Every server that the Sentinels monitor under our pattern, there or not. */
  readonly known: readonly { readonly name: string; readonly host: string; readonly port: number }[]
  /** Those of them that answered, after the connections of earlier runs were ended. */
  readonly found: readonly FoundServer[]
  /** Servers that answered and were refused before they could be asked more, and why. */
  readonly refused?: ReadonlyMap<string, string>
  /** The view in the local state file. */
  readonly stateFile?: KeptRecord | undefined
  /** The operator's word that no later epoch exists, and that what is there now is all there is; 0: nothing ever was. */
  readonly acceptEpoch?: number | undefined
}

interface Decided {
  /** Servers that are not to be used, and why. */
  readonly refused: ReadonlyMap<string, string>
}

/** A ring that never was. */
export interface FreshStart extends Decided {
  readonly kind: 'fresh'
  /** The view before the first, with the members that were found. */
  readonly view: View
}

/** The ring goes on where it stopped. */
export interface Resume extends Decided {
  readonly kind: 'resume'
  /** The view that the first one follows, with the highest epoch that was found; who else is there joins. */
  readonly view: View
  /** Members whose server is another process than the marker was told, or was set back, so that its data need not be complete. */
  readonly restarted: readonly string[]
  /** Those of them that lack what they had last, and hold ranges for all that, because nobody has it. */
  readonly lessened: readonly string[]
  /** Members that were being emptied, to leave. */
  readonly leaving: readonly string[]
  /** Replicas may differ in writes that were under way: every key is in doubt. */
  readonly unclean: boolean
  /** Whether the owner before may serve still, on members that we do not reach. */
  readonly mayHaveOwner: boolean
  /** Ranges that wait, because who holds them is not there. */
  readonly waiting: readonly TokenRange[]
  /** The highest heartbeat that was found. */
  readonly heartbeat: number
  /** The last heartbeat that each member is known to have answered. */
  readonly answered: ReadonlyMap<string, number>
  /** Who has to know of the next view before it counts. */
  readonly before: readonly Council[]
  /** The starts before this one. */
  readonly starts: readonly Succession[]
  /** The view that is gone on from, and whether it was shown that no later one was acknowledged. */
  readonly from: Stamp
  readonly proven: boolean
  /** The id of the state file that the ring is kept in, if it is this one. */
  readonly file: string | undefined
  /** Servers with a view that the ring went on without, on the operator's word. */
  readonly strays: readonly string[]
}

/** Nothing may be served. It is to be decided anew when another server answers. */
export interface RefusedStart extends Decided {
  readonly kind: 'refuse'
  /** For the log and -CLUSTERDOWN. */
  readonly reason: string
  /** The ranges because of which nothing may be served; empty when it is not because of some of them. */
  readonly ranges: readonly TokenRange[]
}

export type StartDecision = FreshStart | Resume | RefusedStart

/**
 * What a proxy begins with [design §8 Start, §12]. The newest view that any marker or the state file has counts, if no
 * later one can have been acknowledged: then enough of those who would have to know of it would be here.
 * Then for each range: who was natural and did not restart stays natural; else, who restarted with the latest data.
 *
 * A stop was clean when all members had the owner's last mark; then restarted ones have everything, too.
 */
export function decideStart(input: StartInput): StartDecision {
  const refused = new Map(input.refused)
  const all = input.known.map(({ name }) => ({ name, runId: input.found.find((each) => each.name === name)?.runId }))
  for (const server of input.found) {
    const refusal = refusalOf(server, input.ring.id, all)
    if (refusal !== undefined) refused.set(server.name, refusal.reason)
  }
  const usable = input.found.filter(({ name }) => !refused.has(name))
  const newest = newestOf([...usable.map(({ marks }) => marks.marker), input.stateFile], input.ring.id)
  if (newest === undefined) return freshStart(input, usable, refused)
  const strays = straysIn(newest, usable)
  for (const { name } of strays) refused.set(name, STRAY.reason)
  const found = usable.filter(({ name }) => !refused.has(name))

  const answered = answeredOf(found, input.stateFile?.answered)
  const standings = standingsOf(newest, input.known, found, refused, answered)
  const doubt = whyNotNewest(newest, input, found, standings)
  const ranges = newest.view.ring.ranges()
  if (doubt !== undefined) return { kind: 'refuse', reason: doubt, ranges, refused }
  if (strays.length > 0 && input.acceptEpoch !== newest.view.epoch) {
    return { kind: 'refuse', reason: explainStrays(strays, newest.view.epoch), ranges, refused }
  }
  const decision = resume(newest, input, found, refused, standings, answered)
  return decision.kind === 'resume' ? { ...decision, strays: strays.map(({ name }) => name) } : decision
}

/** The newest view of a ring that is known, or undefined when there never was one. */
export function newestOf(records: readonly (ViewRecord | undefined)[], ringId: string): ViewRecord | undefined {
  let newest: ViewRecord | undefined
  for (const record of records) {
    if (record === undefined || record.ringId !== ringId) continue
    if (newest === undefined || isNewer(record, newest)) newest = record
  }
  return newest
}

/** Only when all servers were seen can we say that there is no ring: the one not seen may be the one that has it. */
function freshStart(
  input: StartInput,
  found: readonly FoundServer[],
  refused: ReadonlyMap<string, string>,
): StartDecision {
  const { ring, known, acceptEpoch } = input
  const refuse = (reason: string): StartDecision => ({ kind: 'refuse', reason, ranges: [], refused })
  const [unfit] = refused
  if (unfit !== undefined && acceptEpoch !== 0) {
    return refuse(
      `nobody has a marker of the ring ${ring.id}, and ${unfit[0]} cannot be used: ${unfit[1]}; ` +
        '--accept-epoch 0 begins a new ring without it',
    )
  }
  if (found.length === 0) return refuse('no server can be used')
  const seen = new Set([...input.found.map(({ name }) => name), ...refused.keys()])
  const unseen = known.filter(({ name }) => !seen.has(name))
  if (unseen.length > 0 && acceptEpoch !== 0) {
    return refuse(
      `nobody has a marker of the ring ${ring.id}, but ${list(unseen)} ${unseen.length === 1 ? 'was' : 'were'} not ` +
        'reached and may have one; --accept-epoch 0 begins a new, empty ring',
    )
  }
  const members = known.filter(({ name }) => found.some((server) => server.name === name)).map(isUp)
  return {
    kind: 'fresh',
    view: buildView(ring.id, 0, ring.replicas, ring.virtualNodes, members, ring.keyGroups),
    refused,
  }
}

/** Why the newest view that was found need not be the newest that there is. */
function whyNotNewest(
  newest: ViewRecord,
  input: StartInput,
  found: readonly FoundServer[],
  standings: Standings,
): string | undefined {
  const { ring, acceptEpoch } = input
  const { view } = newest
  const misfit = whyNotFit(view, ring)
  if (misfit !== undefined) return misfit
  if (acceptEpoch === view.epoch) return undefined
  const told = found.filter(({ marks: { owner } }) => isLaterThan(owner?.acknowledged, newest))
  if (told.length > 0) {
    const latest = Math.max(...told.map(({ marks: { owner } }) => owner!.acknowledged!.epoch))
    return explainLater(
      told.map(({ name }) => name),
      latest,
      view.epoch,
    )
  }
  const file = fileIdOf(input.stateFile)
  const missing = missingAtStart(councilsOf(newest, found), {
    file,
    has: (name) => standings.get(name)?.hasData === true,
    isIntact: (name) => standings.get(name)?.intact === true && standings.get(name)?.hasData === true,
  })
  const empty = input.found.filter(({ marks, keys }) => marks.marker === undefined && keys === 0)
  return (
    missing &&
    explainMissing(
      missing,
      newest,
      file,
      empty.map(({ name }) => name),
    )
  )
}

/** A server may have been told what was acknowledged, and have refused the marker of just that view. */
function isLaterThan(acknowledged: Stamp | undefined, newest: ViewRecord): boolean {
  return acknowledged !== undefined && isLater(acknowledged, stampOf(newest))
}

/** Servers that have a view which may have been acknowledged, and which the newest one does not come from. */
function straysIn(
  newest: ViewRecord,
  found: readonly FoundServer[],
): { readonly name: string; readonly epoch: number }[] {
  return found.flatMap(({ name, marks: { marker } }) => {
    if (marker === undefined) return []
    const { provenance, view } = marker
    const isOne = isStray(stampOf(marker), provenance.unguarded, newest.provenance.starts)
    return isOne ? [{ name, epoch: view.epoch }] : []
  })
}

/** Who would have to know of a later view than this one: those in it, and those before it unless it was acknowledged. */
function councilsOf(newest: ViewRecord, found: readonly FoundServer[]): Council[] {
  const { file, before } = newest.provenance
  const own = councilOf(newest.view, file?.id)
  const isAcknowledged = found.some(({ marks: { owner } }) => {
    const latest = owner?.acknowledged
    return latest?.term === newest.term && latest.epoch >= newest.view.epoch
  })
  return distinct(isAcknowledged ? [own] : [own, ...before])
}

function fileIdOf(stateFile: KeptRecord | undefined): string | undefined {
  return stateFile?.provenance.file?.id
}

function resume(
  newest: ViewRecord,
  { ring, known, acceptEpoch, stateFile }: StartInput,
  found: readonly FoundServer[],
  refused: ReadonlyMap<string, string>,
  standings: Standings,
  wereAnswered: ReadonlyMap<string, number>,
): Omit<Resume, 'strays'> | RefusedStart {
  const { view, provenance } = newest
  const isAccepted = acceptEpoch === view.epoch
  const councils = councilsOf(newest, found)
  const isHere = (name: string) => found.some((server) => server.name === name)
  const isThere = ({ name }: { readonly name: string }) => standings.get(name)!.there
  const isMember = (name: string) => view.members.some((member) => member.name === name)
  const naturals = new Map(
    view.replicaSets.map((set) => {
      if (!isAccepted) return [set, naturalOf(set.natural, standings)] as const
      return [set, naturalOf(set.natural.filter(isThere), standings) ?? anybody(set, view.members, standings)] as const
    }),
  )
  const lost = view.ring.ranges().filter((_, i) => naturals.get(view.setOfRange[i]) === undefined)
  if (lost.length > 0) {
    const holders = view.replicaSets.filter((set) => naturals.get(set) === undefined).flatMap(({ natural }) => natural)
    const older = holders.filter(({ name }) => standings.get(name)!.behind > 0)
    const reason = explainLost(lost.length, view, holders, older)
    return { kind: 'refuse', reason, ranges: lost, refused }
  }

  const setOfRange = view.setOfRange.map((set) => {
    const natural = naturals.get(set)!
    const others = [...set.natural, ...set.pending].filter(isThere).map(({ name }) => name)
    return { natural, pending: [...new Set(others)].filter((name) => !natural.includes(name)) }
  })
  const holders = new Set(setOfRange.flatMap(({ natural }) => natural))
  const members = view.members
    .filter(({ name }) => holders.has(name) || standings.get(name)!.there || standings.get(name)!.awaited)
    .map((member) => asNow(member, standings.get(member.name)!, known))
  // What is taken for what it is has not lost anything from now on.
  const answered = new Map(wereAnswered)
  const lessened = [...holders].filter((name) => standings.get(name)!.behind > 0)
  for (const name of lessened) answered.set(name, standings.get(name)!.heartbeat)
  const stays = (name: string) => members.some((member) => member.name === name)
  const start = viewOfNames({
    ringId: ring.id,
    epoch: Math.max(view.epoch, ...found.map(({ marks }) => marks.marker?.view.epoch ?? 0)),
    replicas: ring.replicas,
    virtualNodes: view.virtualNodes,
    keyGroups: view.keyGroups,
    members,
    wanted: view.wanted.filter(stays),
    cut: view.ring.names,
    setOfRange,
  })
  return {
    kind: 'resume',
    view: start,
    restarted: found.filter(({ name }) => isMember(name) && !standings.get(name)!.intact).map(({ name }) => name),
    lessened,
    leaving: view.members
      .filter(({ name, state }) => stays(name) && state !== 'gone' && !view.wanted.includes(name))
      .map(({ name }) => name),
    unclean: view.members.some(({ name }) => !standings.get(name)!.clean),
    mayHaveOwner: !isAccepted && !hasStopped(found),
    waiting: start.ring.ranges().filter((_, i) => !start.setOfRange[i].natural.some(isThere)),
    heartbeat: Math.max(highestHeartbeat(found), ...answered.values()),
    answered,
    before: isAccepted ? leftOf(councils, isHere) : councils,
    starts: provenance.starts,
    from: stampOf(newest),
    proven: !isAccepted,
    file: fileIdOf(stateFile) === provenance.file?.id ? provenance.file?.id : undefined,
    refused,
  }
}

/** The operator says that who is there has to do. */
function anybody(
  { natural, pending }: ReplicaSet,
  members: readonly Member[],
  standings: Standings,
): readonly string[] | undefined {
  return [natural, pending, members]
    .map((those) => those.map(({ name }) => name).filter((name) => standings.get(name)!.there))
    .find((names) => names.length > 0)
}

function asNow(member: Member, { there, awaited }: Standing, known: StartInput['known']): Member {
  const { name } = member
  const { host, port } = known.find((each) => each.name === name) ?? member
  return { name, host, port, state: there ? 'up' : awaited ? 'suspect' : 'gone' }
}

function isUp({ name, host, port }: Pick<Member, 'name' | 'host' | 'port'>): Member {
  return { name, host, port, state: 'up' }
}
