import type { Member } from '../view/view.js'
import type { FoundServer } from './guard.js'
import { highestHeartbeat, isBehind } from './heartbeats.js'
import { isNewer, NO_MARKS, type ViewRecord } from './marker.js'

/* Who holds what when a proxy starts, by what its members have to show [design §8 Start]. */

/**
 * So many heartbeats, of a second each, all servers of a range may lose together: with `appendfsync everysec` they do when their power
 * fails [README What is guaranteed]. Who has lost more has another, older data set.
 */
const BEHIND_MAX = 3

/** What became of a member of a view while nobody looked. */
export interface Standing {
  /** Its server did not restart, nor was it set back, or it stopped clean: its data is complete. */
  readonly intact: boolean
  /** It answered, with the owner's last mark. */
  readonly clean: boolean
  /** It answered, with a marker: it has data, perhaps old. */
  readonly hasData: boolean
  /** It answered. */
  readonly there: boolean
  /** It did not answer, and the Sentinels know it: it may come yet, with complete data. */
  readonly awaited: boolean
  readonly heartbeat: number
  /** So many heartbeats it is known to have answered that it does not have any more. */
  readonly behind: number
}

export type Standings = ReadonlyMap<string, Standing>

/** Of the members of the newest view, and of those who would have to know of a later one. */
export function standingsOf(
  newest: ViewRecord,
  known: readonly { readonly name: string }[],
  found: readonly FoundServer[],
  refused: ReadonlyMap<string, string>,
  answered: ReadonlyMap<string, number>,
): Standings {
  const last = highestHeartbeat(found)
  const councils = newest.provenance.before.flatMap(({ members }) => members)
  const names = new Set([...newest.view.members.map(({ name }) => name), ...councils])
  const entries = [...names].map((name): [string, Standing] => {
    const server = found.find((each) => each.name === name)
    const marks = server?.marks ?? NO_MARKS
    const { marker, owner } = marks
    const heartbeat = owner?.heartbeat ?? 0
    const clean = owner?.clean === true && heartbeat === last && marker !== undefined && !isNewer(newest, marker)
    const taken = answered.get(name) ?? 0
    const isSetBack = isBehind(marks, { heartbeat: taken, epoch: 0 })
    const standing = {
      intact: clean || (marker !== undefined && marker.runId === server?.runId && !isSetBack),
      clean,
      hasData: marker !== undefined,
      there: server !== undefined,
      awaited: server === undefined && !refused.has(name) && known.some((each) => each.name === name),
      heartbeat,
      behind: isSetBack ? taken - heartbeat : 0,
    }
    return [name, standing]
  })
  return new Map(entries)
}

/**
 * Who holds a range now, of those who were natural, in the order in which they are to be asked. Those who are not there
 * and may have what nobody else has are waited for. Undefined when nobody can have its data any more.
 */
export function naturalOf(natural: readonly Member[], standings: Standings): readonly string[] | undefined {
  const those = (test: (standing: Standing) => boolean) =>
    natural.map(({ name }) => name).filter((name) => test(standings.get(name)!))
  const intact = those((standing) => standing.intact)
  const awaited = those((standing) => standing.awaited)
  // None of them was there in the end, so nobody knows whether their data were equal: one of them counts.
  const wereGone = natural.length > 1 && natural.every(({ state }) => state === 'gone')
  if (intact.length > 0) return wereGone ? latest(intact, standings).slice(0, 1) : [...intact, ...awaited]
  if (awaited.length > 0) return awaited
  const withData = those((standing) => standing.hasData)
  if (withData.length > 0) {
    // Who alone held it lost with what it has not any more what nobody else has, as for a proxy that runs [design §8].
    const most = natural.length === 1 ? 0 : BEHIND_MAX
    const enough = withData.filter((name) => standings.get(name)!.behind <= most)
    return enough.length === 0 ? undefined : latest(enough, standings).slice(0, wereGone ? 1 : undefined)
  }
  const absent = those((standing) => !standing.there)
  return absent.length > 0 ? absent : undefined
}

/** Those of them with the highest heartbeat. */
function latest(names: readonly string[], standings: Standings): string[] {
  const best = Math.max(...names.map((name) => standings.get(name)!.heartbeat))
  return names.filter((name) => standings.get(name)!.heartbeat === best)
}
