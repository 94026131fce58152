import { MapReply, type Reply } from '../resp/encode.js'
import type { View } from '../view/view.js'
import { decodeView, encodeView, ViewFormatError } from '../view/view-codec.js'
import type { Generation } from './generation.js'
import { decodeProvenance, encodeProvenance, isLater, type Provenance, type Stamp } from './provenance.js'

/*
 * What the proxy notes on every member about the ring [design §3 marker]. It is noted in function libraries, which
 * FLUSHALL, SWAPDB, DBSIZE and SCAN neither touch nor show, and which stand in the member's AOF and RDB between the
 * writes that were emitted before and after them: data that comes back older comes back with an older mark.
 *
 *     dt_marker   the marker: written once for each view           {"v":2,"ring":"dt","term":3,"member":"dt-1","run":…,"view":{…},"removed":[],"from":{…}}
 *     dt_owner    whose member it is: small, written every second  {"v":2,"ring":"dt","term":3,"run":…,"heartbeat":17,"clean":false,…}
 *     dt_g_<n>    that there is this generation, for good          {"v":2,"ring":"dt","term":3,"runs":[…]}
 *
 * They are several so that a proxy that takes over changes the owner without writing the view anew, which the one before may
 * be replacing at that moment; and so that nobody who writes late, as an owner from before, takes away that there was a later one: of generations the highest
 * counts, and who writes one removes earlier ones only. They can be looked at on a member with
 * `FCALL_RO dt_marker 0` and `FCALL_RO dt_owner 0`.
 *
 * Clients do not see them: what they load has other names on the members, and is kept there by others [serving/function/records.ts].
 */

/** A view as it was published, wherever it is kept. */
export interface ViewRecord {
  readonly ringId: string
  /** The term of the owner that published it: of two views the one with the later term, then epoch, is the newer. */
  readonly term: number
  readonly view: View
  /**
   * Names that were removed and not added again since [design §8 Membership]: SENTINEL REMOVE is local to each Sentinel,
   * so one that was away may still monitor them.
   */
  readonly removed: readonly string[]
  readonly provenance: Provenance
}

/** What a state file has of a view. */
export interface KeptRecord extends ViewRecord {
  /** The last heartbeat that each member had answered when the file was written, as in `Owner`; files of earlier versions do not say. */
  readonly answered?: ReadonlyMap<string, number> | undefined
}

/** What a member was told with a view. */
export interface Marker extends ViewRecord {
  /** The name under which it is a member. */
  readonly member: string
  /** run_id of the server when it was told: another one now means that it restarted since. */
  readonly runId: string
}

/** Who may write to a member. */
export interface Owner {
  readonly ringId: string
  /** Run of the proxy. */
  readonly run: string
  /** Grows with every change of the owner. */
  readonly term: number
  /** Where that proxy runs, in words, for people. */
  readonly where: string
  /** Counts the seconds in which some owner was there: on whichever member it is higher, the data are newer. */
  readonly heartbeat: number
  /** The owner stopped in order, and this was the last that it wrote: every replica had everything. */
  readonly clean: boolean
  /** The run that waits for this one to stop, and goes on then: nobody else is to, as long as that is there. */
  readonly successor?: string | undefined
  /** Where other proxies reach it, as `host:port`. */
  readonly peer?: string | undefined
  /** They reach it with TLS alone. */
  readonly peerTls?: boolean | undefined
  /** The latest view that an owner is known to have acknowledged. */
  readonly acknowledged?: Stamp | undefined
  /** The last heartbeat that each member had answered when this was written: one that has an earlier one was set back. */
  readonly answered?: ReadonlyMap<string, number> | undefined
}

/** That there is a generation of this ring: see generation.ts. */
export interface NotedGeneration {
  readonly ringId: string
  readonly number: number
}

/** The marks found on a server. */
export interface Marks {
  readonly marker: Marker | undefined
  readonly owner: Owner | undefined
  /** The generations that are noted, the highest first. */
  readonly generations: readonly NotedGeneration[]
  /** Why the marks cannot be understood, or ''. */
  readonly unreadable: string
}

export const NO_MARKS: Marks = { marker: undefined, owner: undefined, generations: [], unreadable: '' }

const GENERATION_NAME = 'dt_g_'

const VERSION = 2
/** Those that can be read: what the first version noted says nothing of where a view comes from. */
const READABLE: readonly unknown[] = [1, VERSION]

/** The command that writes a marker. */
export function writeMarker({ member, runId, ...record }: Marker): string[] {
  return load('dt_marker', { ...fieldsOf(record), member, run: runId })
}

/** The command that writes an owner. */
export function writeOwner({ ringId, acknowledged, answered, ...owner }: Owner): string[] {
  const stamp = acknowledged === undefined ? null : [acknowledged.term, acknowledged.epoch]
  return load('dt_owner', { v: VERSION, ring: ringId, ...owner, acknowledged: stamp, ...encodeBeats(answered) })
}

/** The command that notes a generation: under a name of its own, so that whatever else is written late leaves it there. */
export function writeGeneration(ringId: string, { number, runs }: Generation): string[] {
  return load(GENERATION_NAME + number, { v: VERSION, ring: ringId, term: number, runs })
}

/** The commands that remove the generations before this one, when it is noted: they say nothing any more. */
export function forgetEarlier({ generations }: Marks, number: number): string[][] {
  const earlier = generations.filter((each) => each.number < number)
  return earlier.map((each) => ['FUNCTION', 'DELETE', GENERATION_NAME + each.number])
}

function encodeBeats(answered: ReadonlyMap<string, number> | undefined): object {
  return answered === undefined || answered.size === 0 ? {} : { answered: [...answered] }
}

function decodeBeats(answered: unknown): { answered?: ReadonlyMap<string, number> } {
  return Array.isArray(answered) && answered.every(isBeat) ? { answered: new Map(answered) } : {}
}

/** The marks in a (RESP3) reply to the `MARKS_QUERY` of backend/handshake. Libraries of others are not looked at. */
export function decodeMarks(reply: Reply): Marks {
  const libraries = new Map<string, string>()
  if (Array.isArray(reply)) {
    for (const library of reply) {
      if (!(library instanceof MapReply)) continue
      const field = (name: string) => library.entries.find(([key]) => String(key) === name)?.[1]
      libraries.set(String(field('library_name')), String(field('library_code')))
    }
  }
  try {
    const marker = libraries.get('dt_marker')
    const owner = libraries.get('dt_owner')
    return {
      marker: marker === undefined ? undefined : asMarker(payload(marker)),
      owner: owner === undefined ? undefined : asOwner(payload(owner)),
      generations: generationsIn(libraries),
      unreadable: '',
    }
  } catch (error) {
    return { ...NO_MARKS, unreadable: (error as Error).message }
  }
}

/** Which one it is the name alone says: its runs are noted for people. */
function generationsIn(libraries: ReadonlyMap<string, string>): NotedGeneration[] {
  const found: NotedGeneration[] = []
  for (const [name, code] of libraries) {
    const number = name.startsWith(GENERATION_NAME) ? Number(name.slice(GENERATION_NAME.length)) : Number.NaN
    if (isCount(number)) found.push({ ringId: checked(payload(code)).ring, number })
  }
  return found.sort((a, b) => b.number - a.number)
}

/** The latest generation of a ring that is noted, 0 when none is. */
export function notedIn({ generations }: Marks, ringId: string): number {
  return generations.find((each) => each.ringId === ringId)?.number ?? 0
}

/** Whether `a` is newer than `b`: an owner's later term counts before a higher epoch of one that was shut out. */
export function isNewer(a: ViewRecord, b: ViewRecord): boolean {
  return isLater(stampOf(a), stampOf(b))
}

export function stampOf({ term, view }: ViewRecord): Stamp {
  return { term, epoch: view.epoch }
}

/** Whether `a` has shut `b` out. Two that took over in the same moment agree on one of them. */
export function supersedes(a: Pick<Owner, 'term' | 'run'>, b: Pick<Owner, 'term' | 'run'>): boolean {
  return a.term === b.term ? a.run > b.run : a.term > b.term
}

/** What a state file has: a view as in a marker, what its members had answered, and the term of the proxy that uses the file. */
export function encodeState(record: KeptRecord, owner: number): string {
  return `${JSON.stringify({ ...fieldsOf(record), ...encodeBeats(record.answered), owner })}\n`
}

/** @throws ViewFormatError when `text` is no such thing */
export function decodeState(text: string): { readonly record: KeptRecord; readonly owner: number } {
  const fields = checked(text)
  const record = { ...asRecord(fields), ...decodeBeats(fields.answered) }
  return { record, owner: isCount(fields.owner) ? fields.owner : fields.term }
}

/** The term of the proxy that uses a state file, also one of another version of this program; 0 where it does not say. */
export function ownerOfState(text: string): number {
  try {
    const { owner, term } = JSON.parse(text) as Record<string, unknown>
    return [owner, term].find(isCount) ?? 0
  } catch {
    return 0
  }
}

function fieldsOf({ ringId, term, view, removed, provenance }: ViewRecord): object {
  return { v: VERSION, ring: ringId, term, view: encodeView(view), removed, from: encodeProvenance(provenance) }
}

function asRecord({ ring, term, view, removed, from }: Checked): ViewRecord {
  const provenance = decodeProvenance(from)
  return { ringId: ring, term, view: decodeView(view), removed: asNames(removed), provenance }
}

/** JSON has no line ends and no control characters; the long brackets get as many `=` as do not occur in it. */
function load(name: string, value: object): string[] {
  const json = JSON.stringify(value)
  let level = ''
  while (json.includes(`]${level}]`)) level += '='
  const code =
    `#!lua name=${name}\nredis.register_function{function_name='${name}', flags={'no-writes'}, ` +
    `callback=function() return [${level}[${json}]${level}] end}`
  return ['FUNCTION', 'LOAD', 'REPLACE', code]
}

function payload(code: string): string {
  const found = /return \[(=*)\[(.*)\]\1\] end/s.exec(code)
  if (found === null) throw new ViewFormatError('it was not written by this program')
  return found[2]
}

interface Checked {
  readonly ring: string
  readonly term: number
  readonly [field: string]: unknown
}

function checked(text: string): Checked {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new ViewFormatError(`it is no JSON: ${(error as Error).message}`)
  }
  const { v, ring, term } = (json ?? {}) as Record<string, unknown>
  if (!READABLE.includes(v)) throw new ViewFormatError(`its version is ${v}, and this program understands ${VERSION}`)
  if (typeof ring !== 'string' || !isCount(term)) throw new ViewFormatError('its ring or its term is missing')
  return json as Checked
}

function asMarker(text: string): Marker {
  const fields = checked(text)
  const { member, run } = fields
  if (typeof member !== 'string' || typeof run !== 'string') throw new ViewFormatError('its member or run is missing')
  return { ...asRecord(fields), member, runId: run }
}

/** A list of names; it is missing where nobody had been removed yet when it was written. */
function asNames(value: unknown): string[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  throw new ViewFormatError('its removed names are none')
}

function asOwner(text: string): Owner {
  const { ring, term, run, where, heartbeat, clean, successor, peer, peerTls, acknowledged, answered } = checked(text)
  if (typeof run !== 'string' || typeof where !== 'string' || !isCount(heartbeat) || typeof clean !== 'boolean') {
    throw new ViewFormatError('the owner is not told')
  }
  const stamp = Array.isArray(acknowledged) && acknowledged.every(isCount) ? acknowledged : undefined
  const passed = {
    ...(typeof successor === 'string' && { successor }),
    ...(typeof peer === 'string' && { peer }),
    ...(peerTls === true && { peerTls }),
  }
  const known = { ringId: ring, term, run, where, heartbeat, clean, ...passed, ...decodeBeats(answered) }
  return stamp === undefined ? known : { ...known, acknowledged: { term: stamp[0], epoch: stamp[1] } }
}

function isBeat(value: unknown): value is [string, number] {
  return Array.isArray(value) && typeof value[0] === 'string' && isCount(value[1])
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
