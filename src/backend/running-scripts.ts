import type { ErrorReply } from '../resp/encode.js'

/** What a server says counts for so long. */
const FRESH_MS = 1500
/** Without a word of CONFIG. */
const DEFAULT_PATIENCE_MS = 5000

/** The scripts of clients that a server was sent and has not answered: it executes one after the other, and nothing else meanwhile. */
export class RunningScripts {
  /** What it answers to others because of one of them, since it takes long; undefined while it is not known to. */
  refusal: ErrorReply | undefined
  /** Since when the first of them may be running, in ms of `performance.now`. */
  sinceMs = 0
  private count = 0
  private saidMs = 0

  /** @param settings what is known of the server's */
  constructor(private readonly settings: () => ReadonlyMap<string, string> | undefined) {}

  /** After how many ms of a script the server answers others, if only BUSY; 0 in its CONFIG means never. */
  get patienceMs(): number {
    const told = this.settings()?.get('busy-reply-threshold')
    return told === undefined ? DEFAULT_PATIENCE_MS : Number(told) || Number.POSITIVE_INFINITY
  }

  get any(): boolean {
    return this.count > 0
  }

  began(nowMs: number): void {
    if (this.count++ === 0) this.sinceMs = nowMs
  }

  /** The first of them was answered, or lost with the connection. */
  ended(nowMs: number): void {
    this.count--
    this.sinceMs = nowMs
    this.refusal = undefined
  }

  /** The server has said just now that it is busy with the one that runs since `sinceMs`. */
  saidBusy(refusal: ErrorReply, sinceMs: number, nowMs: number): void {
    if (this.count === 0 || this.sinceMs !== sinceMs) return
    this.refusal = refusal
    this.saidMs = nowMs
  }

  /**
   * Whether it is clear why the server says nothing: a script runs, so it cannot; and when it has taken so long that it answers
   * others, it says so.
   */
  explainSilence(nowMs: number): boolean {
    if (this.count === 0) return false
    return nowMs - this.sinceMs < this.patienceMs + FRESH_MS || this.isFresh(nowMs)
  }

  /** What it said is forgotten when it does not repeat it: it may be dead. */
  forgetStale(nowMs: number): void {
    if (this.refusal !== undefined && !this.isFresh(nowMs)) this.refusal = undefined
  }

  private isFresh(nowMs: number): boolean {
    return this.refusal !== undefined && nowMs - this.saidMs < FRESH_MS
  }
}
