import { ViewFormatError } from '../view/view-codec.js'
import type { Council } from './council.js'

/** Which view of a ring: of two the one with the later term, then epoch, is the newer. */
export interface Stamp {
  /** The term of the owner that published it. */
  readonly term: number
  readonly epoch: number
}

/** The state file in which the owner of a view keeps it [design §12]. */
export interface KeptIn {
  /** Made with the file: a file that was lost and made anew is another one. */
  readonly id: string
  /** Machine and path, for people. */
  readonly where: string
}

/** A start that went on from a view that was there before. */
export interface Succession {
  /** The term of the owner that started. */
  readonly term: number
  /** The newest view that it found. */
  readonly from: Stamp
  /** It was shown that no later one had been acknowledged; else the operator said so. */
  readonly proven: boolean
}

/** Where a view comes from, and who has to know of the next one: it is noted with the view. */
export interface Provenance {
  readonly file: KeptIn | undefined
  /** The councils of the view that was acknowledged last when this one was published, and of those that may have been since. */
  readonly before: readonly Council[]
  /** The latest starts of the ring, oldest first. */
  readonly starts: readonly Succession[]
  /** It may have been acknowledged although too few knew of it: the settings of its owner preferred that to waiting. */
  readonly unguarded: boolean
}

export const NO_PROVENANCE: Provenance = { file: undefined, before: [], starts: [], unguarded: false }

/** Older starts are forgotten: whoever is away for so long is to be looked after by hand. */
const STARTS_MAX = 16

/** The starts of a ring, with one more. */
export function withStart(starts: readonly Succession[], next: Succession): Succession[] {
  return [...starts, next].slice(-STARTS_MAX)
}

export function isLater(a: Stamp, b: Stamp): boolean {
  return a.term === b.term ? a.epoch > b.epoch : a.term > b.term
}

/**
 * Whether a view that is noted somewhere is none of those from which the present one comes, and may have been acknowledged:
 * some start went on from an older view without knowing of it. A view that could not have been acknowledged is nothing
 * special: a proxy that was cut off publishes such ones.
 */
export function isStray(stamp: Stamp, unguarded: boolean, starts: readonly Succession[]): boolean {
  return starts.some(({ term, from, proven }) => stamp.term < term && isLater(stamp, from) && (!proven || unguarded))
}

/** As JSON. */
export function encodeProvenance({ file, before, starts, unguarded }: Provenance): object {
  return {
    file: file === undefined ? null : [file.id, file.where],
    before: before.map((council) => [council.members, council.file ?? null]),
    starts: starts.map(({ term, from, proven }) => [term, from.term, from.epoch, proven]),
    unguarded,
  }
}

/**
 * What JSON (parsed) stands for. Views of earlier versions have none.
 *
 * @throws ViewFormatError when it stands for nothing
 */
export function decodeProvenance(json: unknown): Provenance {
  if (json === undefined) return NO_PROVENANCE
  const { file, before, starts, unguarded } = (json ?? {}) as Record<string, unknown>
  const isRight =
    (file === null || isListOf(file, isText)) &&
    isListOf(before, (council) => Array.isArray(council) && isListOf(council[0], isText)) &&
    isListOf(starts, (start) => Array.isArray(start) && start.slice(0, 3).every(Number.isSafeInteger)) &&
    typeof unguarded === 'boolean'
  if (!isRight) throw new ViewFormatError('it does not say where it comes from')
  return {
    file: file === null ? undefined : { id: (file as string[])[0], where: (file as string[])[1] },
    before: (before as [string[], string | null][]).map(([members, id]) => ({ members, file: id ?? undefined })),
    starts: (starts as [number, number, number, boolean][]).map(([term, fromTerm, epoch, proven]) => {
      return { term, from: { term: fromTerm, epoch }, proven }
    }),
    unguarded,
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isListOf(value: unknown, isElement: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isElement)
}
