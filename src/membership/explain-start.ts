import type { Missing } from './council.js'
import type { ViewRecord } from './marker.js'

/**
 * What is missing, and what the operator may do.
 *
 * @param empty servers that run, and have nothing
 */
export function explainMissing(
  { council, members, count }: Missing,
  { view, provenance: { file } }: ViewRecord,
  ownFile: string | undefined,
  empty: readonly string[],
): string {
  const { epoch } = view
  const running = members.filter((name) => empty.includes(name))
  const lost =
    running.length === 0 ? '' : ` (${list(running)} ${running.length === 1 ? 'runs and is' : 'run and are'} empty)`
  const accept = `--accept-epoch ${epoch} goes on from this one`
  if (council.file !== undefined && council.file === ownFile) {
    const some = members.length === 1 ? list(members) : `one of ${list(members)}`
    return (
      `the state file has epoch ${epoch}, and nobody of ${list(members)} has answered with a marker; start ${some} with ` +
      `what it had${lost}, or, if their data is lost and no other proxy serves the ring, ${accept} with who is there`
    )
  }
  if (council.file !== undefined) {
    const where = council.file === file?.id ? ` ${file.where}` : ' of an earlier proxy'
    return (
      `the state file${where} may have a later epoch than ${epoch}, and this proxy does not have it; start the proxy ` +
      `where that file is, or start ${list(members)} with what ${members.length === 1 ? 'it' : 'they'} had${lost}; ` +
      `if the file is lost, and no other proxy serves the ring, ${accept}`
    )
  }
  const there = council.members.filter((name) => !members.includes(name))
  const some = count < members.length ? `${count} of ${list(members)}` : list(members)
  const withWhat = running.length === 0 ? '' : ` with what ${count === 1 ? 'it' : 'they'} had${lost}`
  const isOwn = council.members.every((name) => view.members.some((member) => member.name === name))
  return (
    `only ${there.length} of the ${council.members.length} members of ${isOwn ? '' : 'the view before '}epoch ${epoch} ` +
    `have answered with a marker (${list(there) || 'none'}), so there may be a later epoch; start ${some}${withWhat}, or, if there ` +
    `is none and no other proxy serves the ring, ${accept}`
  )
}

/** Somebody was told of a view that nobody has who is there, and what the operator may do. */
export function explainLater(names: readonly string[], later: number, epoch: number): string {
  return (
    `epoch ${later} was acknowledged, as ${list(names)} ${names.length === 1 ? 'was' : 'were'} told, and the latest that ` +
    `anybody has who is there is ${epoch}; start the other members with what they had, or, if they do not come back and ` +
    `no other proxy serves the ring, --accept-epoch ${epoch} goes on from this one`
  )
}

/** Why nothing is acknowledged under a view, and what the operator may do. */
export function explainUnnoted({ council, members, count }: Missing, epoch: number): string {
  const some = count < members.length ? `${count} of ${list(members)}` : list(members)
  const why =
    council.file === undefined
      ? `more than half of ${list(council.members)} would have to have it, because they may have been the ring before`
      : `${list(council.members)} would have to have it, because they were the ring before`
  return (
    `no write is acknowledged: too few know of epoch ${epoch}; ${why}. Start ${some}, or make room where the ` +
    'marker is refused; if they do not come back, and no other proxy serves the ring, start this one again with ' +
    `--accept-epoch ${epoch} (the epoch of DT VIEW, should there be a later one)`
  )
}

/** Why nothing is served though some members are there, and what the operator may do. */
export function explainCutOff(unheard: readonly string[]): string {
  const who = unheard.length === 0 ? 'too few members answer' : `${list(unheard)} cannot be reached`
  return (
    `${who}, and another proxy may serve the ring with them, because no state file says that none does; start or reach ` +
    'them; ring.withoutMajority: serve does not wait for that'
  )
}

/** Why who listens, waits or has a cache is let go, and what the operator may do. */
export function explainGivenUp(unheard: readonly string[]): string {
  const who = unheard.length === 0 ? 'too few members answer' : `${list(unheard)} cannot be reached`
  return (
    `${who}, and another proxy may have gone on with them: who listens, waits or has a cache here would not hear of what is done ` +
    'there; start or reach them, or go to another proxy'
  )
}

/**
 * Why ranges are lost, and what the operator may do.
 *
 * @param older those of the holders that have something, and less than they had
 */
export function explainLost(
  count: number,
  { epoch, ring }: ViewRecord['view'],
  holders: readonly { readonly name: string }[],
  older: readonly { readonly name: string }[],
): string {
  const withNothing = holders.filter((holder) => !older.includes(holder))
  const what = [
    ...(withNothing.length > 0 ? [`${list(withNothing)} held them, and came back with nothing`] : []),
    ...(older.length > 0 ? [`${list(older)} held them, and came back with older data`] : []),
  ]
  const without = older.length > 0 ? 'with what is there' : 'without their keys'
  return `${count} of ${ring.size} ranges are lost: ${what.join('; ')}; --accept-epoch ${epoch} goes on ${without}`
}

/** What has happened when views were found that the ring went on without, and what the operator may do. */
export function explainStrays(
  strays: readonly { readonly name: string; readonly epoch: number }[],
  epoch: number,
): string {
  const found = strays.map((stray) => `${stray.name} has epoch ${stray.epoch}`).join(', ')
  return (
    `${found} of an earlier owner, which may have been acknowledged, and the ring has gone on without it to epoch ` +
    `${epoch}; --accept-epoch ${epoch} goes on from that one and does not use ${list(strays)} (with --wipe it is emptied)`
  )
}

/** dt-1, dt-2 and dt-3: in order, and each once. */
export function list(those: readonly (string | { readonly name: string })[]): string {
  const names = [...new Set(those.map((each) => (typeof each === 'string' ? each : each.name)))].sort()
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
