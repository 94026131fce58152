import type { View } from '../view/view.js'

/**
 * Who knows which view was acknowledged last [design §12]: the members of a view, and the state file in which the owner
 * of that view kept what it published, if it kept one.
 *
 * A view is *noted* when enough of each council before it have it, and a start *may serve* what it found when enough of
 * each council have nothing later. Any "enough" of the one kind and any of the other have somebody in common:
 *
 *                        to note a view                              to start
 *     without a file     more than half of the members               half of them
 *     with the file      the file, and one member                    the file, and one member
 *     the file is lost   all members                                 all members, and none of them restarted
 */
export interface Council {
  /** By name; who was gone is none of them. */
  readonly members: readonly string[]
  /** The id of the state file, or undefined where the members alone know. */
  readonly file: string | undefined
}

/** Which view has been noted where. */
export interface Noted {
  /** The id of our state file, if it has the view. */
  readonly file: string | undefined
  /** Whether a member has answered its marker. */
  has(name: string): boolean
}

/** What a start has found. */
export interface Found {
  /** The id of our state file, if there was one. */
  readonly file: string | undefined
  /** Whether a member has answered, with a marker of this ring. */
  has(name: string): boolean
  /** Whether it did, and has lost nothing since it answered that marker: it did not restart, or it stopped in order. */
  isIntact(name: string): boolean
}

/** Why a council does not let a start serve, or a view be acknowledged: so many of these members more have to be there, or the file. */
export interface Missing {
  readonly council: Council
  /** Members that would count if they were there. */
  readonly members: readonly string[]
  /** How many of them. */
  readonly count: number
}

/** The council of a view whose owner keeps this state file. Who is gone cannot answer, unless nobody else is there. */
export function councilOf(view: View, file: string | undefined): Council {
  const there = view.members.filter(({ state }) => state !== 'gone')
  return { members: (there.length > 0 ? there : view.members).map(({ name }) => name), file }
}

/** Whether every start that may serve finds this view, or a later one. */
export function isNoted(councils: readonly Council[], noted: Noted): boolean {
  return missingToNote(councils, noted) === undefined
}

/** How many members have to have a view, for an owner with this state file, or none. */
function neededToNote({ members, file }: Council, ours: string | undefined): number {
  return file === undefined ? majority(members.length) : file === ours ? 1 : members.length
}

/**
 * How many members of a council are enough to keep any other owner from noting a view, as long as nobody else has them; 0 where
 * the state file that we have does so.
 */
export function keepsFromNoting(council: Council, ours: string | undefined): number {
  if (council.file !== undefined && council.file === ours) return 0
  return council.members.length - neededToNote(council, undefined) + 1
}

/** What keeps a view from being noted, or undefined. */
export function missingToNote(councils: readonly Council[], noted: Noted): Missing | undefined {
  for (const council of councils) {
    const { members } = council
    const needed = neededToNote(council, noted.file)
    const absent = members.filter((name) => !noted.has(name))
    const count = needed - (members.length - absent.length)
    if (count > 0) return { council, members: absent, count }
  }
  return undefined
}

/** What keeps a start from serving the newest view that it found, or undefined: then no later one was acknowledged. */
export function missingAtStart(councils: readonly Council[], found: Found): Missing | undefined {
  for (const council of councils) {
    const { members, file } = council
    const needsAll = file !== undefined && file !== found.file
    const counts = needsAll ? found.isIntact : found.has
    const absent = members.filter((name) => !counts(name))
    const allowed = needsAll ? 0 : file === undefined ? majority(members.length) - 1 : members.length - 1
    if (absent.length > allowed) return { council, members: absent, count: absent.length - allowed }
  }
  return undefined
}

/**
 * What is left of councils when the operator says that nothing and nobody comes back who is not here: no file, and these
 * members. Most of them have to know, so that another start which finds the others after all meets one of them.
 */
export function leftOf(councils: readonly Council[], isHere: (name: string) => boolean): Council[] {
  const left = councils.map(({ members }): Council => ({ members: members.filter(isHere), file: undefined }))
  return distinct(left.filter(({ members }) => members.length > 0))
}

/** Equal councils count once, so that starts that follow each other do not make the list long. */
export function distinct(councils: readonly Council[]): Council[] {
  const byText = new Map(councils.map((each) => [JSON.stringify([each.file ?? null, [...each.members].sort()]), each]))
  return [...byText.values()]
}

/** More than half. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1
}
