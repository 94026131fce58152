import { syncBuiltinESMExports } from 'node:module'
import timersPromises from 'node:timers/promises'

/*
 * The only clock and the only event loop of a simulated run. The engine asks Node for the time, for timers and for the end
 * of a turn; here these answer from a run's own time, which stands still until the run moves it on.
 */

/** 1 January 2027: whatever it is, it must be the same in every run. */
const EPOCH_MS = 1_798_761_600_000
/** Node's least delay. */
const DELAY_MIN_MS = 1

class Timer {
  constructor(
    public dueMs: number,
    readonly run: () => void,
    /** Of an interval, in ms. */
    readonly everyMs: number | undefined,
  ) {}
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return true
  }
  refresh(): this {
    return this
  }
}

type Callback = (...args: unknown[]) => void

export class VirtualTime {
  /** Since the beginning of the run, in ms. */
  nowMs = 0
  private timers: Timer[] = []
  private immediates: (() => void)[] = []

  /** Milliseconds since 1970, as the proxy's machine has them. */
  get wallMs(): number {
    return EPOCH_MS + this.nowMs
  }

  /** What the turn has left to its end. */
  get waitingImmediates(): number {
    return this.immediates.length
  }

  /** How long until the next timer is due, in ms. */
  get nextTimerInMs(): number {
    return this.timers.length === 0 ? Number.POSITIVE_INFINITY : Math.max(0, this.timers[0].dueMs - this.nowMs)
  }

  /** Runs the oldest of what waits for the end of the turn. */
  runImmediate(): void {
    this.immediates.shift()?.()
  }

  /** Lets time pass, and runs the first timer that comes due meanwhile, if there is one: then it is no later than that. */
  pass(ms: number): void {
    const timer = this.timers[0]
    if (timer === undefined || timer.dueMs > this.nowMs + ms) {
      this.nowMs += ms
      return
    }
    this.nowMs = Math.max(this.nowMs, timer.dueMs)
    this.timers.shift()
    if (timer.everyMs !== undefined) {
      timer.dueMs = this.nowMs + timer.everyMs
      this.insert(timer)
    }
    timer.run()
  }

  private insert(timer: Timer): void {
    let i = this.timers.length
    while (i > 0 && this.timers[i - 1].dueMs > timer.dueMs) i--
    this.timers.splice(i, 0, timer)
  }

  readonly setTimeout = (callback: Callback, ms = 0, ...args: unknown[]): Timer => {
    const timer = new Timer(this.nowMs + Math.max(DELAY_MIN_MS, ms), () => callback(...args), undefined)
    this.insert(timer)
    return timer
  }

  readonly setInterval = (callback: Callback, ms = 0, ...args: unknown[]): Timer => {
    const everyMs = Math.max(DELAY_MIN_MS, ms)
    const timer = new Timer(this.nowMs + everyMs, () => callback(...args), everyMs)
    this.insert(timer)
    return timer
  }

  readonly clear = (timer: unknown): void => {
    const i = this.timers.indexOf(timer as Timer)
    if (i >= 0) this.timers.splice(i, 1)
  }

  readonly setImmediate = (callback: Callback, ...args: unknown[]): void => {
    this.immediates.push(() => callback(...args))
  }
}

/** The time of the run that is under way. */
let current = new VirtualTime()

/** From now on this is what time it is. */
export function setTime(time: VirtualTime): void {
  current = time
}

/** Puts the virtual time into the place of Node's for the whole process, for good. `random` stands for Math.random. */
export function installVirtualTime(random: () => number): void {
  Object.assign(globalThis, {
    setTimeout: (callback: Callback, ms?: number, ...args: unknown[]) => current.setTimeout(callback, ms, ...args),
    setInterval: (callback: Callback, ms?: number, ...args: unknown[]) => current.setInterval(callback, ms, ...args),
    setImmediate: (callback: Callback, ...args: unknown[]) => current.setImmediate(callback, ...args),
    clearTimeout: (timer: unknown) => current.clear(timer),
    clearInterval: (timer: unknown) => current.clear(timer),
  })
  Date.now = () => Math.floor(current.wallMs)
  Math.random = random
  Object.defineProperty(performance, 'now', { value: () => current.nowMs })
  Object.defineProperty(performance, 'timeOrigin', { value: EPOCH_MS })
  const sleep = (ms: number, value?: unknown) => new Promise((resolve) => current.setTimeout(() => resolve(value), ms))
  Object.assign(timersPromises, { setTimeout: sleep })
  syncBuiltinESMExports()
}

const nextLoop = globalThis.setImmediate
const nextTick = process.nextTick
/** So often a run lets Node's own event loop have a turn. */
const BREATHE_STEPS = 2000

/**
 * Calls `step` until it says false. Between two calls everything is done that promises have to do, as between two turns
 * of Node's event loop: a tick that is asked for in a microtask comes when no microtask is left.
 */
export function stepwise(step: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let steps = 0
    const go = () => {
      try {
        if (!step()) {
          resolve()
          return
        }
      } catch (error) {
        reject(error)
        return
      }
      if (++steps % BREATHE_STEPS === 0) nextLoop(go)
      else queueMicrotask(() => nextTick(go))
    }
    nextTick(go)
  })
}
