import type { FurtherName } from './further.js'
import { GATHER_TITLES } from './gathers.js'
import { LISTENING_TITLES } from './listening.js'
import { QUEUE_TITLES } from './queues.js'
import type { FigureName, Line, Spread } from './results.js'
import { SCRIPT_TITLES } from './scripts.js'
import type { SystemName } from './systems.js'
import { TLS_TITLES } from './tls.js'

/** What the proxy shall reach: a figure, or its ratio to twemproxy's, at most or at least so much. */
export interface Target {
  readonly title: string
  readonly atMost?: number
  readonly atLeast?: number
  readonly unit: 'ratio' | 'ms' | 'bytes'
  readonly of: RatioOf | { readonly further: FurtherName | 'soak' }
  /** Why it may be missed, for the reader of the results. */
  readonly why?: string
}

/** The ratio to twemproxy's figure in the same round. */
interface RatioOf {
  readonly row: string
  readonly system: SystemName
  readonly figure: FigureName
}

/** A target beside what was found; neither value nor verdict when it was not measured. */
export interface Verdict extends Target {
  readonly value?: Spread
  readonly met?: boolean
}

/** The figures that are no ratios to twemproxy, as far as they are known. */
export type FurtherSpreads = Readonly<Partial<Record<FurtherName | 'soak', Spread>>>

const MB = 1_000_000
const THREE_COPIES =
  'Each value is written to three servers, so that the kernel takes its bytes four times (once in, three times out), ' +
  'where twemproxy with one copy has it take them twice. One copy costs it no more than there; with three its part ' +
  'alone is 1.1 to 1.4 × of all that twemproxy takes for 16 KB, and 1.3 to 1.5 × for 1 MB, more than half of it copying.'
const THREE_SERVERS =
  'Three servers execute each write, on the two cores that clients and proxy need, too; the reply comes when the last of ' +
  'them has answered. With twemproxy one server does.'
const THREE_FLOOR =
  'A client in C that writes to three servers itself and waits for all of them takes 56 µs here at best, one server 18 ' +
  'and twemproxy before it 45: the target leaves 7 µs for a proxy. This one adds 43, twemproxy 27 (profiles.md).'
const ONE_ROUND_TRIP =
  'It is one round trip: the push and the pop for who waits go to three servers together, as any write does, and the last ' +
  'of them is waited for. A client in C that writes to three servers itself takes 3.1 × as long as with one (profiles.md).'
const LUA_OF_MASTER =
  'The master takes 4.5 × the CPU of a Redis for a job: scripts run with what notes and takes back what they do around each ' +
  'command. That alone leaves 0.22 of the rate of a Redis; proxy and backups need the processors, too (profiles.md).'
const KERNEL_COPIES =
  'Both proxies gather a value whole and pass it on then. The kernel has more than four fifths of the time; about half of ' +
  'all is its copying of the value in and out, which depends on how much of it the caches of the processor still hold.'
const FIVE_SOCKETS =
  'At this depth half of it is system calls: a command is read from its client, written to and read from four servers and ' +
  'answered, as in twemproxy. Cutting and merging is what counts at P=16.'
const FIVE_SOCKETS_THREE_COPIES = `${FIVE_SOCKETS} With three copies each of the four servers gets three quarters of the keys.`
const RESUMED =
  'With TLS 1.3 keys are exchanged also when a session is resumed, on purpose: only the signature is saved. Neither openssl s_server nor a server ' +
  'of node:tls that does nothing else reaches it (further figures), nor one in C that was written to see, which has 0.55 (profiles.md).'
const RESUMED_OLD =
  'A server of node:tls that does nothing else does not reach it either (further figures): connection, objects and a PING are in both, and ' +
  'what is saved is the signature.'
const ONE_TURN =
  'A connection waits for the turn of the event loop that is under way, which under full load is one or two milliseconds.'

function cpu(title: string, row: string, system: SystemName, atMost: number): Target {
  return { title: `${title}: CPU`, atMost, unit: 'ratio', of: { row, system, figure: 'cpuMicros' } }
}

/** CPU per command, at pipeline depth 1, 16 and 64. */
const main = (
  [
    ['GET', 'get', 'dt-r2', [1.1, 0.8, 0.38]],
    ['SET, 1 copy', 'set', 'dt-r0', [1.15, 0.85, 0.42]],
    ['SET, 3 copies', 'set', 'dt-r2', [1.35, 0.85, 0.58]],
  ] as const
).map(([title, row, system, limits]) => ({
  cpu: limits.map((limit, i) => cpu(`${title}, P=${[1, 16, 64][i]}`, `${row}-p${[1, 16, 64][i]}`, system, limit)),
  throughput: [16, 64].map(
    (pipeline): Target => ({
      ...{ title: `${title}, P=${pipeline}: throughput`, atLeast: 1, unit: 'ratio' },
      of: { row: `${row}-p${pipeline}`, system, figure: 'perSecond' },
      ...(system === 'dt-r2' && row === 'set' ? { why: THREE_SERVERS } : {}),
    }),
  ),
}))

/** A write to one copy compares like with like; to three it does three times the work behind the proxy. */
const bothWays = (title: string, row: string, atMost: number, why?: string, whyThree = THREE_COPIES): Target[] => [
  { ...cpu(`${title}, 1 copy`, row, 'dt-r0', atMost), ...(why === undefined ? {} : { why }) },
  { ...cpu(`${title}, 3 copies`, row, 'dt-r2', atMost), why: whyThree },
]

const oneConnection = (title: string, row: string, system: SystemName): Target => ({
  ...{ title: `${title}, 1 connection: p50`, atMost: 1.4, unit: 'ratio', of: { row, system, figure: 'p50Ms' } },
})

export const TARGETS: readonly Target[] = [
  ...main.flatMap(({ cpu }) => cpu),
  ...main.flatMap(({ throughput }) => throughput),
  oneConnection('GET', 'get-c1', 'dt-r2'),
  oneConnection('SET, 1 copy', 'set-c1', 'dt-r0'),
  { ...oneConnection('SET, 3 copies', 'set-c1', 'dt-r2'), why: THREE_FLOOR },
  cpu('GET, 16 KB', 'get-16kb', 'dt-r2', 1.2),
  ...bothWays('SET, 16 KB', 'set-16kb', 1.2),
  { ...cpu('GET, 1 MB', 'get-1mb', 'dt-r2', 1), why: KERNEL_COPIES },
  ...bothWays('SET, 1 MB', 'set-1mb', 1, KERNEL_COPIES),
  ...[1, 16].flatMap((pipeline) => [
    { ...cpu(`MGET of 10 keys, P=${pipeline}`, `mget-p${pipeline}`, 'dt-r2', 0.8), why: FIVE_SOCKETS },
    ...bothWays(`MSET of 10 keys, P=${pipeline}`, `mset-p${pipeline}`, 0.8, FIVE_SOCKETS, FIVE_SOCKETS_THREE_COPIES),
  ]),
  {
    ...{ title: 'MULTI, 5 SET, EXEC: CPU to that of 5 SET', atMost: 1.7, unit: 'ratio' },
    of: { further: 'multi' },
  },
  {
    ...{ title: 'the same over three replica sets: CPU to that on one', atMost: 1.5, unit: 'ratio' },
    of: { further: 'multi-3' },
  },
  {
    ...{ title: 'WATCH, GET, MULTI, SET, EXEC: CPU to that of GET, SET', atMost: 2.5, unit: 'ratio' },
    of: { further: 'watch' },
  },
  {
    title: 'memory flat over the soak: the last quarter to the second',
    atMost: 1.05,
    unit: 'ratio',
    of: { further: 'soak' },
  },
  ...(
    [
      ['rename', { atMost: 5 }],
      ['union-store', { atMost: 5 }],
      ['move-element', { atMost: 4 }],
      ['gathers', { atLeast: 0.12 }],
      ['inter', { atMost: 3 }],
      ['get-beside-gathers', { atMost: 1.05 }],
    ] as const
  ).map(([further, limit]): Target => ({ title: GATHER_TITLES[further], ...limit, unit: 'ratio', of: { further } })),
  ...(
    [
      ['limiter-p1', 2],
      ['limiter-p16', 4],
      ['limiter-numbers', 1.1],
      ['script-apart', 5],
    ] as const
  ).map(([further, atMost]): Target => ({ title: SCRIPT_TITLES[further], atMost, unit: 'ratio', of: { further } })),
  ...(
    [
      ['queue-group', 0.5, LUA_OF_MASTER],
      ['queue-apart', 0.1, undefined],
    ] as const
  ).map(
    ([further, atLeast, why]): Target => ({
      ...{ title: QUEUE_TITLES[further], atLeast, unit: 'ratio', of: { further } },
      ...(why === undefined ? {} : { why }),
    }),
  ),
  ...(
    [
      ['publish-1', { atLeast: 0.9 }],
      ['publish-100', { atLeast: 0.6 }],
      ['publish-1000', { atLeast: 0.5 }],
      ['publish-nobody', { atMost: 1.2 }],
      ['subscribers', { atMost: 250 * MB, unit: 'bytes' }],
      ['hand-over', { atMost: 2.5, why: ONE_ROUND_TRIP }],
      ['waiters', { atMost: 30 * MB, unit: 'bytes' }],
      ['waiters-idle', { atMost: 0.01 }],
      ['woken-at-once', { atMost: 5 }],
      ['tracking-get', { atMost: 1.3 }],
    ] as const
  ).map(([further, limit]): Target => ({ title: LISTENING_TITLES[further], unit: 'ratio', ...limit, of: { further } })),
  ...(
    [
      ['tls-get-p1', 1, 'ratio'],
      ['tls-get-p16', 1, 'ratio'],
      ['tls-get-p64', 1, 'ratio'],
      ['tls-get-16kb', 1, 'ratio'],
      ['tls-set-16kb', 1, 'ratio'],
      ['tls-idle', 600 * MB, 'bytes'],
      // 500 of them in a second are one core.
      ['tls-full', 2, 'ms'],
      ['tls-full-1.2', 2, 'ms'],
      ['tls-resumed', 0.3, 'ratio', RESUMED],
      ['tls-resumed-1.2', 0.3, 'ratio', RESUMED_OLD],
    ] as const
  ).map(
    ([further, atMost, unit, why]): Target => ({
      ...{ title: TLS_TITLES[further], atMost, unit, of: { further } },
      ...(why === undefined ? {} : { why }),
    }),
  ),
  { title: 'memory with 10,000 idle connections', atMost: 250 * MB, unit: 'bytes', of: { further: 'idle' } },
  { title: 'start of dt serve to its first reply', atMost: 500, unit: 'ms', of: { further: 'start' } },
  { title: 'a new connection is accepted under load', atMost: 1, unit: 'ms', of: { further: 'accept' }, why: ONE_TURN },
  { title: 'one too many is refused under load', atMost: 1, unit: 'ms', of: { further: 'refuse' }, why: ONE_TURN },
]

/** Every target with what was found; `further` has the figures that are no ratios. The median decides. */
export function judge(lines: readonly Line[], further: FurtherSpreads): Verdict[] {
  return TARGETS.map((target) => {
    const value = foundOf(target, lines, further)
    if (value === undefined) return target
    const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = target
    return { ...target, value, met: value.median <= atMost && value.median >= atLeast }
  })
}

function foundOf({ of }: Target, lines: readonly Line[], further: FurtherSpreads) {
  if ('further' in of) return further[of.further]
  const line = lines.find(({ row, system }) => row === of.row && system === of.system)
  return line?.toTwemproxy?.[of.figure]
}
