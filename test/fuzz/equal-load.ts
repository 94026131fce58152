import { cpuSeconds } from '../../bench/support/process-figures.js'
import type { Pace } from './ordinary.js'

export type Phase = 'alone' | 'ordinary' | 'beside'

/** CPU time in a second: of the proxy, and of all else that takes part but the well-behaved clients. */
export interface Load {
  readonly proxy: number
  readonly others: number
}

const PER_SECOND_MIN = 10
const PER_SECOND_MAX = 2000
const BUSY_MAX = 0.9

/** Sees to it that ordinary clients take as much CPU time as attacks do, of the proxy and of the machine. */
export class EqualLoad {
  pace: Pace = { perSecond: 50, busy: 0 }
  private readonly spent: Record<Phase, ReturnType<typeof nothing>> = {
    alone: nothing(),
    ordinary: nothing(),
    beside: nothing(),
  }
  private since = { atMs: performance.now(), proxy: 0, others: 0 }

  constructor(
    private readonly proxyPid: number | undefined,
    private readonly otherPids: readonly (number | undefined)[],
  ) {}

  /** What comes now counts from here. */
  begin(): void {
    this.since = this.now()
  }

  /** What has been spent since `begin`, or since it was last called, was spent on this. */
  note(phase: Phase): void {
    const { since } = this
    const now = this.now()
    const seconds = (now.atMs - since.atMs) / 1000
    const [proxy, others] = [now.proxy - since.proxy, now.others - since.others]
    this.since = now
    const sum = this.spent[phase]
    sum.seconds += seconds
    sum.proxy += proxy
    sum.others += others
    if (phase === 'ordinary' && seconds > 0) this.adapt(proxy / seconds, others / seconds)
  }

  of(phase: Phase): Load {
    const { seconds, proxy, others } = this.spent[phase]
    return seconds === 0 ? { proxy: 0, others: 0 } : { proxy: proxy / seconds, others: others / seconds }
  }

  /**
   * What was too little in sum until now becomes more, so that it is equal in the end; never more in all than attacks take. Where the
   * machine does not have it the ordinary clients remain with less, and what is held against them looks worse, not better.
   */
  private adapt(proxy: number, others: number): void {
    const { perSecond, busy } = this.pace
    const wanted = this.of('beside')
    const sofar = this.of('ordinary')
    const next = (all: number, until: number) => Math.min(1.3 * all, Math.max(0.7 * all, 2 * all - until))
    const [nextProxy, nextOthers] = [next(wanted.proxy, sofar.proxy), next(wanted.others, sofar.others)]
    const factor = Math.min(
      nextProxy / Math.max(proxy, 0.01),
      (nextProxy + nextOthers) / Math.max(proxy + others, 0.01),
    )
    this.pace = {
      perSecond: Math.min(PER_SECOND_MAX, Math.max(PER_SECOND_MIN, perSecond * Math.min(1.3, Math.max(0.7, factor)))),
      busy: Math.min(BUSY_MAX, Math.max(0, busy + (nextOthers - others) / 2)),
    }
  }

  private now() {
    const others = this.otherPids.reduce<number>((sum, pid) => sum + cpuSeconds(pid), 0)
    return { atMs: performance.now(), proxy: cpuSeconds(this.proxyPid), others }
  }
}

function nothing() {
  return { seconds: 0, proxy: 0, others: 0 }
}
