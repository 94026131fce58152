import type { KeyId } from '../../base/key-id.js'
import type { SomeKeys } from '../../base/some-keys.js'
import type { Left } from '../../order/awaited.js'

/**
 * So many are sent for at once, at most: others have their turn in between, of half a millisecond. With four times as many all together
 * are not served sooner, and whoever asks for something else meanwhile waits three times as long.
 */
const CHUNK_MAX = 16
/** In which nobody stands who waits no more. */
export const NO_LINES: readonly Line[] = []

/** What a key has to hold for those who wait there; of a stream also who reads it: those of one group take from each other. */
export type Kind = string

/** Who waits for one of several keys to hold something, in the order of its command. */
export interface Waiter {
  /** The lines in which it stands; empty when it waits no more. */
  lines: readonly Line[]
  /** Where an element has been sent for, or that its own command has not been answered: nothing else is offered to it then. */
  claim: Line | 'asking' | undefined
  /** How many writes of that key there had been. */
  writesBefore: number
  /** What is sent for it takes several turns: nothing else is sent for from the same line meanwhile. */
  readonly isSlow: boolean
  /** Where it puts what it gets; undefined when its client gets it. */
  readonly destination: KeyId | undefined
  /** One of its keys was asked about, and holds nothing. */
  heardNothing(): void
}

/** All who wait for one key to hold a value of one kind, in the order of their arrival. */
export class Line {
  readonly waiters = new Set<Waiter>()
  /** How many elements may be there for which nobody has been sent. */
  supply = 0
  writes = 0
  /** The number, among all lines, of the first write that has not been looked after. */
  since = 0
  /** As long as it is not certain that something is there, or there is much: how many are sent for at once. */
  chunk = 0
  /** How many have been sent for, and not been answered. */
  sent = 0
  /** Of a chunk that is on its way: it was answered that nothing is there. */
  isDry = false
  isChunkOut = false
  /** Something was written since the chunk, or the question, left. */
  isFresh = false
  /**
   * Whether anything is there is asked before somebody is sent for it: it is to be asked; or it is not answered yet, and to be asked
   * again if nobody can say.
   */
  question: 'none' | 'due' | 'out' | 'out, again' = 'none'
  /** Commands of clients on the key wait. */
  isShut = false

  constructor(
    readonly id: KeyId,
    readonly kind: Kind,
  ) {}
}

/** Whether a write that leaves this concerns those in the line: who waits in a group also when it is put in the place of the stream. */
export function concerns({ kind }: Line, left: Left): boolean {
  if (left === 'list' || left === 'sorted-set') return kind === left || kind.startsWith('group ')
  const isStream = kind !== 'list' && kind !== 'sorted-set'
  return left === 'any' || (left === 'stream' ? isStream : kind.startsWith('group '))
}

/** Whether an answer is to come that says whether the key holds something for those in the line. */
export function isBeingAsked({ question }: Line): boolean {
  return question === 'out' || question === 'out, again'
}

/** Whether those in the line take from others what they get. Who does not has a line of his own, and only reads. */
function takesFromOthers({ kind }: Line): boolean {
  return !kind.startsWith('reader ')
}

/** What is done of what is decided here. Nothing is answered before the call has come back. */
export interface Hands {
  /**
   * Sends for an element for this waiter, behind all that has been emitted; `answered` follows. False when it cannot be sent for now:
   * then `mayHold` follows when it can.
   */
  fetch(waiter: Waiter, line: Line): boolean
  /** Asks whether the key holds something for those in the line; `found` follows. */
  ask(line: Line): void
  /** Commands of clients on the key have to wait from now on, or go on. */
  shut(line: Line): void
  open(line: Line): void
  /** Whether an operation of somebody else has the key for itself: what it does is one step, behind which the key is looked at. */
  isTaken(line: Line): boolean
}

/**
 * Decides who gets what when clients wait for keys [design §7 Waiting]. It knows nothing of servers: it is told what was written,
 * and what was answered, and says for whom an element is sent for.
 *
 *     BLPOP k      BLPOP k      RPUSH k x y   ──> LPOP k, LPOP k      right behind it, for the first two in the line of k
 *     BLPOP j k    RPUSH j x    RPUSH k y     ──> LPOP j · k is shut · (the answer) · LPOP k for the next one, k is opened
 *
 * - Who has been sent for is not sent for elsewhere before that is answered: two elements might come for one. So a key whose first
 *   waiter may get one from another key is shut until that is known.
 * - A push says how many elements it adds, and so many are sent for. Where it is not certain that anything is there, or how much
 *   (RENAME, EXEC, a script), the key is shut, and sent for are 1, 2, 4, … 16 until nothing is there; for more than 16 who wait
 *   16 at a time also where it is certain.
 * - Who cannot be sent for now (a server is away, his key is not certain) stays the first: nobody behind him is sent for.
 */
export class Lines {
  /** Of most keys there is one line, and there may be ten thousand keys. Of a stream there may be as many lines as who read it. */
  private readonly byId = new Map<KeyId, Line | Map<Kind, Line>>()
  /** Lines that may have got something, in the order of the writes. */
  private readonly ready = new Set<Line>()
  private readonly shut = new Set<Line>()
  private writes = 0

  constructor(
    private readonly hands: Hands,
    private readonly chunkMax = CHUNK_MAX,
  ) {}

  get isEmpty(): boolean {
    return this.byId.size === 0
  }

  /** For which somebody waits. */
  get keys(): SomeKeys {
    return this.byId
  }

  /** How many these are. */
  get keyCount(): number {
    return this.byId.size
  }

  /** Whether lines have to be looked at. */
  get isReady(): boolean {
    return this.ready.size > 0
  }

  all(): Line[] {
    return [...this.byId.values()].flatMap((there) => (there instanceof Line ? there : [...there.values()]))
  }

  /** Whether somebody waits for this key. */
  isAwaited(id: KeyId): boolean {
    return this.byId.has(id)
  }

  /** The line of a key, if somebody stands in it. */
  at(id: KeyId, kind: Kind): Line | undefined {
    const line = this.find(id, kind)
    return line === undefined || line.waiters.size === 0 ? undefined : line
  }

  /** The lines of a key. */
  of(id: KeyId): Iterable<Line> {
    const there = this.byId.get(id)
    if (there === undefined) return NO_LINES
    return there instanceof Line ? [there] : there.values()
  }

  /** Puts somebody at the end of the lines of these keys. */
  add(waiter: Waiter, ids: readonly KeyId[], kind: Kind): void {
    // Not by `push`, which would make room for more than there will be.
    const each = ids.length === 1 ? ids : [...new Set(ids)]
    waiter.lines = each.map((id) => this.lineOf(id, kind))
    for (const line of waiter.lines) line.waiters.add(waiter)
  }

  /** It waits no more. */
  remove(waiter: Waiter): void {
    const { lines } = waiter
    waiter.lines = NO_LINES
    for (const line of lines) line.waiters.delete(waiter)
    this.goOnAll(lines)
  }

  /**
   * A write was emitted behind which this key may hold something.
   *
   * @param most how many elements it has added at most
   * @param isSure if it has added any, and nothing else has happened to the key meanwhile
   */
  wrote(line: Line, most: number, isSure: boolean): void {
    if (line.waiters.size === 0) return
    if (!line.isShut && !this.ready.has(line)) line.since = ++this.writes
    this.ready.add(line)
    line.writes++
    line.supply += most
    if (line.question === 'due') line.question = 'none'
    if (line.chunk > 0) line.isFresh = line.isChunkOut || line.question !== 'none'
    else if (!isSure) line.chunk = 1
    else if (Math.min(line.supply, line.waiters.size - line.sent) > this.chunkMax) line.chunk = this.chunkMax
  }

  /** Nobody has written, and this key may hold something all the same. */
  mayHold(line: Line): void {
    if (line.question === 'none') {
      const isLookedAt = line.supply > 0 || line.chunk > 0
      this.wrote(line, Number.POSITIVE_INFINITY, false)
      if (!isLookedAt && line.waiters.size > 0 && takesFromOthers(line)) line.question = 'due'
      // What is answered to the question is as true later, as all that is written is told of.
    } else if (line.question === 'out') line.question = 'out, again'
  }

  /** What was asked of a key has been answered: whether there is something; undefined when nobody could say. */
  found(line: Line, isThere: boolean | undefined): void {
    line.question = isThere === undefined && line.question === 'out, again' && !line.isFresh ? 'due' : 'none'
    if (isThere === false) for (const waiter of line.waiters) waiter.heardNothing()
    if (isThere !== true && !line.isFresh && line.question === 'none') line.supply = 0
    line.isFresh = false
    this.advance(line)
  }

  /** Sends for what was written; to be called in the turn of the writes, behind them. */
  look(): void {
    for (const line of this.ready) {
      if (this.hands.isTaken(line)) continue
      this.ready.delete(line)
      this.advance(line)
    }
  }

  /**
   * What was sent for has been answered.
   *
   * @param isThere whether there was something; else it waits on, if it has not been removed
   */
  answered(waiter: Waiter, line: Line, isThere: boolean): void {
    waiter.claim = undefined
    line.sent--
    if (isThere) {
      this.remove(waiter)
      this.goOn(line)
      return
    }
    line.isDry = true
    this.goOnAll(waiter.lines)
    // Its key was another thing than it seemed, and nobody else may have stood in line when it was written again.
    if (line.chunk === 0 && line.writes > waiter.writesBefore) this.wrote(line, Number.POSITIVE_INFINITY, false)
  }

  /** It takes longer to find out whether there was something: the key is shut until that is known. */
  isAskedAbout(line: Line): void {
    if (line.chunk === 0) line.chunk = 1
    if (!this.hands.isTaken(line)) this.advance(line)
  }

  /** The command of one that stands in line has been answered: there was nothing. */
  isWaiting(waiter: Waiter): void {
    waiter.claim = undefined
    this.goOnAll(waiter.lines)
  }

  /** In the order in which they got something. */
  private goOnAll(lines: readonly Line[]): void {
    for (const line of [...lines].sort((one, other) => one.since - other.since)) this.goOn(line)
  }

  /** Something has changed for a line that was stopped; others are looked at when their keys were written. */
  private goOn(line: Line): void {
    if (line.isShut || line.waiters.size === 0) this.advance(line)
  }

  private advance(line: Line): void {
    if (line.isChunkOut && line.sent === 0) this.chunkAnswered(line)
    const isStopped = this.isAsking(line) || this.send(line)
    const isWaiting = line.chunk > 0 && line.sent > 0
    if (isStopped || isWaiting) {
      if (!line.isShut) this.hands.shut(line)
      line.isShut = true
      this.shut.add(line)
      return
    }
    line.supply = 0
    line.chunk = 0
    if (line.isShut) {
      line.isShut = false
      this.shut.delete(line)
      // Others may have had to wait for what was found out here.
      this.goOnAll([...this.shut])
      this.hands.open(line)
    }
    this.forget(line)
  }

  private chunkAnswered(line: Line): void {
    const { isDry, isFresh } = line
    line.isChunkOut = false
    line.isFresh = false
    if (isFresh) line.chunk = 1
    else if (isDry) line.supply = 0
    else line.chunk = Math.min(this.chunkMax, 2 * line.chunk)
  }

  /** True when it has to be known first whether anything is there. */
  private isAsking(line: Line): boolean {
    if (line.question === 'due') {
      line.question = line.waiters.size > 0 ? 'out' : 'none'
      if (line.question === 'out') this.hands.ask(line)
    }
    return line.question !== 'none'
  }

  /** True when somebody has to be heard of first. */
  private send(line: Line): boolean {
    let most = line.supply
    if (line.chunk > 0) most = line.sent > 0 ? 0 : Math.min(line.chunk, most)
    let count = 0
    let isStopped = false
    for (const waiter of line.waiters) {
      if (count >= most) break
      if (waiter.claim === line) continue
      isStopped = waiter.claim !== undefined || this.comesFirstElsewhere(waiter, line)
      if (isStopped) break
      if (waiter.isSlow && line.sent > 0) {
        isStopped = true
        break
      }
      if (waiter.isSlow && line.chunk === 0) line.chunk = 1
      waiter.claim = line
      waiter.writesBefore = line.writes
      line.sent++
      if (!this.hands.fetch(waiter, line)) {
        // Nobody gets before him what is his.
        waiter.claim = undefined
        line.sent--
        line.supply = count
        break
      }
      count++
      if (waiter.isSlow) break
    }
    line.supply -= count
    if (line.chunk > 0 && count > 0) {
      line.isChunkOut = true
      line.isDry = false
    }
    return isStopped
  }

  /** Whether somebody may get something that has been there for longer, under another key. */
  private comesFirstElsewhere({ lines, destination }: Waiter, line: Line): boolean {
    if (this.shut.size === 0) return false
    const isEarlier = (other: Line) => other.isShut && other.since < line.since
    if (lines.length > 1 && lines.some(isEarlier)) return true
    // Who waits where the element would be put gets what has been there for longer.
    return destination !== undefined && [...this.of(destination)].some(isEarlier)
  }

  private find(id: KeyId, kind: Kind): Line | undefined {
    const there = this.byId.get(id)
    if (!(there instanceof Line)) return there?.get(kind)
    return there.kind === kind ? there : undefined
  }

  private lineOf(id: KeyId, kind: Kind): Line {
    const known = this.find(id, kind)
    if (known !== undefined) return known
    const line = new Line(id, kind)
    const there = this.byId.get(id)
    if (there === undefined) this.byId.set(id, line)
    else if (there instanceof Map) there.set(kind, line)
    else this.byId.set(id, new Map([there, line].map((each) => [each.kind, each] as const)))
    return line
  }

  /** A line in which nobody stands is none. */
  private forget(line: Line): void {
    if (line.waiters.size > 0 || line.sent > 0) return
    this.ready.delete(line)
    const there = this.byId.get(line.id)
    if (there instanceof Map && there.get(line.kind) === line) there.delete(line.kind)
    if (there === line || (there instanceof Map && there.size === 0)) this.byId.delete(line.id)
  }
}
