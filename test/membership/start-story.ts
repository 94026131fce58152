import type { Test } from 'tap'
import { councilOf } from '../../src/membership/council.js'
import { decideStart, type StartDecision, type StartInput } from '../../src/membership/decide-start.js'
import type { FoundServer } from '../../src/membership/guard.js'
import { type Marker, NO_MARKS } from '../../src/membership/marker.js'
import { NO_PROVENANCE, type Provenance } from '../../src/membership/provenance.js'
import { emptyView } from '../../src/view/build-view.js'
import { nextView } from '../../src/view/placement.js'
import type { Member, View } from '../../src/view/view.js'
import { described, trimmed } from '../view/view-story.js'

/** What became of the ring before the proxy starts: the views that were published, by their epochs. */
export type History = ReadonlyMap<number, View>

interface Change {
  readonly members: string
  readonly wanted?: string
  readonly restarted?: string
}

const TOLD_OF = /told of (\S+) (\d+)/
const KEPT_IN = { id: 'the file', where: 'here:/state.json' }

/** The views that follow from these changes; one virtual node a member. */
export function history(replicas: number, firstEpoch: number, ...changes: readonly Change[]): History {
  let view: View = { ...emptyView('dt', replicas, 1), epoch: firstEpoch - 1 }
  const views = new Map<number, View>()
  for (const { members, wanted = members, restarted } of changes) {
    view = nextView(view, {
      members: words(members).map(member),
      wanted: words(wanted),
      restarted: restarted === undefined ? [] : [restarted],
    })
    views.set(view.epoch, view)
  }
  return views
}

/**
 * A story is the golden transcript of one start. Lines with `>` say what is found, all others what follows:
 *
 *     > dt-1 dt-2: 7                        they have the marker of epoch 7, and are the same processes as then
 *     > dt-3: 7 restarted heartbeat 12      (the heartbeat is 40 unless it is said)
 *     > dt-4: 7 clean                       it noted that the owner stopped in order
 *     > dt-5: 7 term 2                      (the term is 1)
 *     > dt-1: empty                         or: 12 keys, or: of ring other
 *     > dt-2: away                          the Sentinels know it, and it does not answer
 *     > dt-2: removed                       nobody knows it
 *     > dt-6: 7 acknowledged                it was told that the view was acknowledged; and: 7 acknowledged 9
 *     > dt-7: 7 told of dt-1 40             it was told that dt-1 had answered heartbeat 40
 *     > state file: 7                       then the ring is kept in it; and: accept epoch 7
 *     > state file: 7 told of dt-1 40       it has that dt-1 had answered heartbeat 40
 *     > state file: lost                    the ring is kept in a file that is not here
 *     > operator: 6 term 2                  the owner of the term was told to go on from epoch 6, whatever there was later
 *
 *     resume (unclean)                      or: fresh, or: refuse
 *     restarted: dt-3                       also: lessened, leaving, refused
 *     7: dt-1 dt-2(suspect)                 the view to follow
 *       dt-1: dt-1 dt-2 + dt-3 (waits)      each range, called by whose token ends it: natural + pending replicas
 */
export function checkStart(t: Test, views: History, transcript: string, ring?: Partial<StartInput['ring']>): void {
  const expected = trimmed(transcript)
  const told = expected.filter((line) => line.startsWith('>'))
  const [first] = views.values()
  const settings = { id: 'dt', replicas: first?.replicas ?? 1, virtualNodes: 1, ...ring }
  const decision = decideStart({ ring: settings, ...inputOf(told, views) })
  t.equal([...told, ...outcome(decision)].join('\n'), expected.join('\n'))
}

function inputOf(told: readonly string[], views: History): Omit<StartInput, 'ring'> {
  const known: Member[] = []
  const found: FoundServer[] = []
  let stateFile: StartInput['stateFile']
  let acceptEpoch: number | undefined
  const file = told.some((line) => line.startsWith('> state file')) ? KEPT_IN : undefined
  const starts = told.flatMap((line) => {
    const [, epoch, term] = /^> operator: (\d+) term (\d+)/.exec(line) ?? []
    return epoch === undefined ? [] : [{ term: Number(term), from: { term: 1, epoch: Number(epoch) }, proven: false }]
  })
  /** The view before each was acknowledged. */
  const provenanceOf = (epoch: number): Provenance => {
    const before = views.get(epoch - 1) ?? views.get(epoch)!
    return { file, before: [councilOf(before, file?.id)], starts, unguarded: false }
  }
  for (const line of told) {
    const [, who, what] = /^> ([^:]+?)(?:: (.*))?$/.exec(line)!
    const view = (text: string) => {
      const named = views.get(Number(text))
      if (named === undefined) throw new Error(`there is no epoch ${text}`)
      return named
    }
    const accepted = /^accept epoch (\d+)$/.exec(who)
    if (accepted !== null) acceptEpoch = Number(accepted[1])
    else if (who === 'operator' || what === 'lost') continue
    else if (who === 'state file') {
      const [epoch, term] = numbers(what.replace(TOLD_OF, ''))
      const provenance = provenanceOf(epoch)
      const [, other, beat] = TOLD_OF.exec(what) ?? []
      const answered = other === undefined ? undefined : new Map([[other, Number(beat)]])
      stateFile = { ringId: 'dt', term: term ?? 1, view: view(String(epoch)), removed: [], provenance, answered }
    } else {
      for (const name of words(who)) {
        if (what === 'removed') continue
        known.push(member(name))
        if (what !== 'away') found.push(serverOf(name, what, view, provenanceOf))
      }
    }
  }
  return { known, found, stateFile, acceptEpoch }
}

function serverOf(
  name: string,
  what: string,
  view: (epoch: string) => View,
  provenanceOf: (epoch: number) => Provenance,
): FoundServer {
  const runId = `process of ${name}`
  const keys = /^(\d+) keys$/.exec(what)
  if (what === 'empty' || keys !== null) return { name, runId, keys: Number(keys?.[1] ?? 0), marks: NO_MARKS }
  const [epoch] = words(what)
  const value = (word: string, otherwise: number) => Number(new RegExp(`${word} (\\d+)`).exec(what)?.[1] ?? otherwise)
  const ringId = /of ring (\S+)/.exec(what)?.[1] ?? 'dt'
  const term = value('term', 1)
  const marker: Marker = {
    ringId,
    term,
    member: name,
    runId: what.includes('restarted') ? 'an earlier process' : runId,
    view: ringId === 'dt' ? view(epoch) : emptyView(ringId, 1, 1),
    removed: [],
    provenance: ringId === 'dt' ? provenanceOf(Number(epoch)) : NO_PROVENANCE,
  }
  const clean = what.includes('clean')
  const acknowledged = what.includes('acknowledged') ? { term, epoch: value('acknowledged', Number(epoch)) } : undefined
  const [, other, beat] = TOLD_OF.exec(what) ?? []
  const answered = other === undefined ? undefined : new Map([[other, Number(beat)]])
  const heartbeat = value('heartbeat', 40)
  const owner = { ringId, run: 'earlier', term, where: '', heartbeat, clean, acknowledged, answered }
  return { name, runId, keys: 100, marks: { marker, owner, generations: [], unreadable: '' } }
}

function outcome(decision: StartDecision): string[] {
  const refused = [...decision.refused].map(([name, reason]) => `refused ${name}: ${reason}`)
  if (decision.kind === 'refuse') {
    const { reason, ranges } = decision
    return [`refuse${ranges.length > 0 ? ` (${ranges.length} ranges)` : ''}: ${reason}`, ...refused]
  }
  const { view } = decision
  const waiting = decision.kind === 'resume' ? decision.waiting : []
  const [head, ...ranges] = described(view).map((line) => line.slice(2))
  const lines = ranges.map((line, i) => {
    const { to } = view.ring.range(i)
    return waiting.some((range) => range.to === to) ? `${line} (waits)` : line
  })
  if (decision.kind === 'fresh') return ['fresh', ...refused, head, ...lines]
  const { restarted, lessened, leaving, unclean } = decision
  return [
    `resume${unclean ? ' (unclean)' : ''}`,
    ...(restarted.length > 0 ? [`restarted: ${restarted.join(' ')}`] : []),
    ...(lessened.length > 0 ? [`lessened: ${lessened.join(' ')}`] : []),
    ...(leaving.length > 0 ? [`leaving: ${leaving.join(' ')}`] : []),
    ...refused,
    head,
    ...lines,
  ]
}

function member(name: string): Member {
  return { name, host: '127.0.0.1', port: 6379, state: 'up' }
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

function numbers(text: string): number[] {
  return [...text.matchAll(/\d+/g)].map(([digits]) => Number(digits))
}
