import { assert } from '../base/assert.js'
import { printable } from '../base/printable.js'
import type { Import, ImportOptions } from '../importing/import.js'
import type { Noted } from '../importing/tally.js'
import type { Json } from './answers.js'
import { bar, count, counted, duration, type Output, size, styled, table } from './terminal.js'

const MEANINGS = [
  ['missing', 'at the source, and not in the ring'],
  ['value', 'another value in the ring'],
  ['deadline', 'another time to live in the ring'],
  ['extra', 'deleted at the source, and still in the ring'],
] as const

/** Whether all that the sources have is in the ring, and was seen to be equal. */
export function isWhole({ verification, libraryDifferences }: Import): boolean {
  if (verification === undefined) return false
  const { differences, changing, conflicts, tooLarge, refused } = verification
  const left = [conflicts, tooLarge, refused, changing, ...Object.values(differences)]
  const libraries = Object.values(libraryDifferences).flat()
  return libraries.length === 0 && left.every((noted) => noted.count === 0)
}

/** How far it is, for a terminal. */
export function progressLines(work: Import, seconds: number): string[] {
  const { tally, stage, verification } = work
  if (stage === 'copy') {
    const leftSeconds = tally.seen === 0 ? 0 : (seconds * Math.max(0, tally.total - tally.seen)) / tally.seen
    const left = leftSeconds === 0 ? '' : `, ${duration(Math.ceil(leftSeconds))} left`
    const sum = `${count(tally.seen)} of ~${counted(tally.total, 'key')}, ${size(tally.bytes)}${left}`
    return [`copy    ${bar(tally.seen, tally.total)}  ${sum}`, ...changesLine(work)]
  }
  if (stage === 'changes' || stage === 'follow') {
    const advice = stage === 'follow' ? '; stop who writes to the source, then Ctrl-C' : ''
    return [`changes  ${count(work.behind)} keys behind, ${count(tally.copiedAgain)} copied again${advice}`]
  }
  const { seen = 0, walked = 0, total = 0, found: differing = 0 } = verification ?? {}
  const name = stage === 'pass' ? `pass ${work.pass}`.padEnd(7) : 'verify '
  const found = differing === 0 ? '' : `, ${counted(differing, 'key')} differ`
  return [`${name} ${bar(walked, total)}  ${counted(seen, 'key')}${found}`, ...changesLine(work)]
}

function changesLine({ tally, behind }: Import): string[] {
  return tally.copiedAgain + behind === 0
    ? []
    : [`changes ${count(behind)} keys behind, ${count(tally.copiedAgain)} copied again`]
}

/** What an error is followed by: what stays. */
export function appliedSoFar({ tally }: Import): string {
  const keys = tally.copied + tally.already
  if (keys + tally.libraries === 0) return 'nothing was copied'
  return `${counted(keys, 'key')} of the source are in the ring, and stay there; run it again to go on (what has changed since wants --replace)`
}

/** For scripts, when it is through. */
export function reportOf({ tally, verification, libraryDifferences }: Import): Json {
  assert(verification !== undefined, 'an import ends with a comparison')
  const noted = ({ count: keys, examples }: Noted) => {
    return { keys, examples: examples.map(({ db, key }) => ({ db, key: printable(key) })) }
  }
  const { differences, changing, others, seen, conflicts, tooLarge, refused } = verification
  const left = { ...differences, changing, conflicts, 'too-large': tooLarge, refused }
  return {
    copied: tally.copied,
    bytes: tally.bytes,
    already: tally.already,
    'copied-again': tally.copiedAgain,
    deleted: tally.deleted,
    libraries: tally.libraries,
    compared: seen,
    ...Object.fromEntries(Object.entries(left).map(([kind, keys]) => [kind, noted(keys)])),
    'library-conflicts': libraryDifferences.conflicts,
    'libraries-changed': libraryDifferences.changed,
    'libraries-unread': libraryDifferences.unread,
    'in-the-ring-alone': others.count,
  }
}

/** For people. */
export function printReport(work: Import, { largestBytes, follow }: ImportOptions, out: Output): void {
  const { tally, verification, libraryDifferences } = work
  if (verification === undefined) return
  const parts = [
    `${counted(tally.copied, 'key')} copied (${size(tally.bytes)})`,
    ...(tally.already === 0 ? [] : [`${count(tally.already)} were there already`]),
    ...(tally.copiedAgain === 0 ? [] : [`${count(tally.copiedAgain)} copied again as they changed`]),
    ...(tally.deleted === 0 ? [] : [`${count(tally.deleted)} deleted as the source deleted them`]),
    ...(tally.libraries === 0 ? [] : [counted(tally.libraries, 'library', 'libraries')]),
  ]
  out.write(`${parts.join(', ')}.\n`)
  const { differences, changing, others, conflicts, tooLarge, refused } = verification
  say(out, conflicts, 'were in the ring with another value, and were left; --replace overwrites them')
  for (const name of libraryDifferences.conflicts) {
    out.write(`${styled(out, 'red', `the library ${name}`)} is in the ring with another text, and was left\n`)
  }
  for (const name of libraryDifferences.changed) {
    out.write(`${styled(out, 'red', `the library ${name}`)} was changed after it was copied\n`)
  }
  for (const reason of libraryDifferences.unread) {
    const what = `${styled(out, 'red', 'libraries of functions')} were not copied, as they cannot be listed: ${reason}`
    out.write(`${what}; the user needs +function|list\n`)
  }
  const largest = size(largestBytes)
  say(
    out,
    tooLarge,
    `take more than ${largest} and were not copied; --largest raises that, servers stand still meanwhile`,
  )
  say(
    out,
    refused,
    `are not understood by the servers of the ring (${tally.refusal}): they are of a newer version, or a module`,
  )
  say(out, changing, 'change all the time: stop who writes them, then they can be compared')
  for (const [kind, meaning] of MEANINGS) say(out, differences[kind], meaning)
  if (others.count > 0) {
    const text = 'in the ring alone; there before, or brought by an earlier import and deleted at the source since'
    out.write(`${counted(others.count, 'key')}: ${text}\n`)
  }
  const compared = `${counted(verification.seen, 'key')} compared`
  if (isWhole(work)) out.write(`${styled(out, 'green', `${compared}: all of them are in the ring, and equal`)}\n`)
  else out.write(`${styled(out, 'red', `${compared}: not everything is in the ring as it is at the source`)}\n`)
  if (follow === 'meanwhile')
    out.write('What changes at the source from now on is not in the ring; --follow copies it until it is stopped.\n')
  if (follow === 'no') out.write('What has changed at the source since it was compared is not in the ring.\n')
}

function say(out: Output, { count: keys, examples }: Noted, what: string): void {
  if (keys === 0) return
  out.write(`${styled(out, 'red', counted(keys, 'key'))}: ${what}\n`)
  const rows = examples.slice(0, 3).map(({ db, key }) => [String(db), printable(key)])
  out.write(table(out, [{ head: 'db' }, { head: 'key' }], rows))
}
