import { setTimeout as sleep } from 'node:timers/promises'
import { count, type Output, size, table } from '../src/cli/terminal.js'
import { identifierOfKey } from '../src/ring/identifier.js'
import { Ring } from '../src/ring/ring.js'
import { LINE_CHART_STYLES, lineChart, lineLegend } from '../src/simulate/line-chart.js'
import { page } from '../src/simulate/page.js'
import { summarize } from '../src/simulate/summary.js'
import { axisTicks, svg, svgText } from '../src/simulate/svg.js'
import { BenchRing } from './support/bench-ring.js'
import { fillHash, type LargeKey, measureLargeKey } from './support/large-key.js'
import { jsonValue, keyNamed, Load, randomValue } from './support/load.js'
import { Pipeline } from './support/pipeline.js'
import { type BenchOptions, runBench } from './support/run-bench.js'

/*
 * How fast data moves when a server joins: without other load, for small and large values; and what clients notice of it.
 * The servers keep nothing on disk here: it is DT that is measured, and not the disk.
 */
const NODES = 4
const REPLICAS = 2
const VIRTUAL_NODES = 64
const JOINS = 'dt-5'
const RING = { nodes: NODES, replicas: REPLICAS, memberConfig: ['appendonly no'] }

/** One kind of data and how fast it moved, in the median of the repetitions. */
interface Rate {
  readonly what: string
  readonly keys: number
  /** Of the values, and of what DUMP makes of them: it compresses what can be. */
  readonly bytes: number
  readonly payloadBytes: number
  readonly seconds: number
  readonly keysPerSecond: number
  readonly bytesPerSecond: number
  /** CPU time of the proxy and of all servers together. */
  readonly proxyMicrosecondsPerKey: number
  readonly serversMicrosecondsPerKey: number
}

/** What clients saw in one phase, or one moment. */
interface Seen {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

interface UnderLoad {
  readonly clients: number
  readonly phases: { readonly before: Seen; readonly during: Seen; readonly after: Seen }
  /** Seconds since the beginning of the measurement. */
  readonly joinFrom: number
  readonly copiedAt: number
  readonly joinTo: number
  readonly keysCopied: number
  readonly errors: number
  readonly line: readonly (Seen & { readonly at: number })[]
}

async function measureRate(
  { say }: BenchOptions,
  what: string,
  data: {
    readonly keys: readonly string[]
    readonly valueBytes: number
    readonly value: (bytes: number) => Buffer
    readonly repetitions: number
  },
): Promise<Rate> {
  return BenchRing.with(RING, async (ring) => {
    await fill(ring.port, data.keys, () => data.value(data.valueBytes))
    // Whoever filled it counts as a client for a second.
    await sleep(1500)
    const rates: Rate[] = []
    for (let i = 0; i < data.repetitions; i++) {
      const { keys, bytes: payloadBytes, seconds, cpu } = await ring.join(JOINS)
      const bytes = keys * data.valueBytes
      rates.push({
        ...{ what, keys, bytes, payloadBytes, seconds, keysPerSecond: keys / seconds, bytesPerSecond: bytes / seconds },
        proxyMicrosecondsPerKey: (cpu.proxy / keys) * 1e6,
        serversMicrosecondsPerKey: (cpu.servers / keys) * 1e6,
      })
      say(`${what}: ${count(keys)} keys in ${seconds} s, ${count(keys / seconds)} keys/s, ${size(bytes / seconds)}/s`)
      if (i + 1 < data.repetitions) await ring.leave(JOINS)
    }
    return rates.sort((a, b) => a.keysPerSecond - b.keysPerSecond)[Math.floor(rates.length / 2)]
  })
}

/** One hash that moves, in the median of the repetitions. */
async function measureHash(
  { say }: BenchOptions,
  what: string,
  { fields, valueBytes, repetitions }: { fields: number; valueBytes: number; repetitions: number },
): Promise<LargeKey> {
  return BenchRing.with(RING, async (ring) => {
    const key = keyThatMoves()
    await fillHash(ring.port, key, fields, (i) => `${i}`.padEnd(valueBytes, 'v'))
    await sleep(1500)
    const found: LargeKey[] = []
    for (let i = 0; i < repetitions; i++) {
      const large = await measureLargeKey(ring, { what, key, fields, joins: JOINS })
      say(
        `${what}: ${large.seconds} s, bare ${large.bareSeconds.toFixed(2)} s, longest PING ${large.longestPingMs.toFixed(0)} ms`,
      )
      found.push(large)
      if (i + 1 < repetitions) await ring.leave(JOINS)
    }
    const median = found.sort((a, b) => a.seconds - b.seconds)[Math.floor(found.length / 2)]
    return { ...median, longestPingMs: Math.max(...found.map(({ longestPingMs }) => longestPingMs)) }
  })
}

async function fill(port: number, keys: readonly string[], value: () => Buffer): Promise<void> {
  const pipeline = await Pipeline.open(port)
  const sets = function* () {
    for (const key of keys) yield ['SET', key, value()]
  }
  await pipeline.run(sets())
  pipeline.close()
}

function keysUpTo(number: number): string[] {
  return Array.from({ length: number }, (_, i) => keyNamed(i))
}

/** A key of which the joining server gets a copy. */
function keyThatMoves(): string {
  const names = [...Array.from({ length: NODES }, (_, i) => `dt-${i + 1}`), JOINS]
  const ring = Ring.of(names, VIRTUAL_NODES)
  const moves = (key: string) => {
    const range = ring.rangeOf(identifierOfKey(Buffer.from(key), 0, key.length))
    return ring.successors(range, REPLICAS + 1).includes(JOINS)
  }
  return keysUpTo(1000).find(moves) as string
}

async function measureUnderLoad({ quick, say }: BenchOptions, clients: number): Promise<UnderLoad> {
  const [keys, calmMs] = [quick ? 30_000 : 200_000, quick ? 1000 : 6000]
  return BenchRing.with(RING, async (ring) => {
    await fill(ring.port, keysUpTo(keys), () => randomValue(100))
    const load = await Load.start({ port: ring.port, clients, keys, valueBytes: 100, writes: 0.2 })
    await sleep(1000) // The code gets warm.
    const beganAtMs = Date.now()
    await sleep(calmMs)
    const joinFromMs = Date.now()
    const { keys: keysCopied, completeAtMs } = await ring.join(JOINS)
    const joinToMs = Date.now()
    await sleep(calmMs)
    load.stop()
    const endMs = Date.now()
    const seen = (fromMs: number, toMs: number) => summarizeAnswers(load, fromMs, toMs)
    const phases = {
      before: seen(beganAtMs, joinFromMs),
      during: seen(joinFromMs, joinToMs),
      after: seen(joinToMs, endMs),
    }
    const stepMs = 250
    const line = Array.from({ length: Math.floor((endMs - beganAtMs) / stepMs) }, (_, i) => {
      const fromMs = beganAtMs + i * stepMs
      return { at: ((i + 0.5) * stepMs) / 1000, ...seen(fromMs, fromMs + stepMs) }
    })
    const [joinFrom, copiedAt, joinTo] = [joinFromMs, completeAtMs, joinToMs].map((ms) => (ms - beganAtMs) / 1000)
    for (const error of new Set(load.errors)) say(`a client got: ${error}`)
    return { clients, phases, joinFrom, copiedAt, joinTo, keysCopied, errors: load.errors.length, line }
  })
}

function summarizeAnswers({ atMs, latencyMs }: Load, fromMs: number, toMs: number): Seen {
  const latencies = latencyMs.filter((_, i) => atMs[i] >= fromMs && atMs[i] < toMs)
  if (latencies.length === 0) return { perSecond: 0, p50Ms: toMs - fromMs, p99Ms: toMs - fromMs, maxMs: toMs - fromMs }
  const sorted = Float64Array.from(latencies).sort()
  const at = (fraction: number) => sorted[Math.floor(fraction * (sorted.length - 1))]
  const { max } = summarize([sorted[sorted.length - 1]])
  return { perSecond: (latencies.length / (toMs - fromMs)) * 1000, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: max }
}

function cpuOf({ keys, proxyMicrosecondsPerKey, serversMicrosecondsPerKey }: Rate): string[] {
  return keys === 1 ? ['', ''] : [proxyMicrosecondsPerKey.toFixed(1), serversMicrosecondsPerKey.toFixed(1)]
}

const plainText: Output = { write: () => {} }

const right = (head: string) => ({ head, align: 'right' as const })

function tables(rates: readonly Rate[], large: readonly LargeKey[], loads: readonly UnderLoad[]): string {
  const rows = rates.map((rate) => [
    ...[rate.what, count(rate.keys), size(rate.bytes), size(rate.payloadBytes), `${rate.seconds.toFixed(2)} s`],
    ...[count(rate.keysPerSecond), `${count(rate.bytesPerSecond / 1e6)} MB`, ...cpuOf(rate)],
  ])
  const heads = ['', 'keys', 'values', 'sent', 'time', 'keys/s', 'values/s', 'proxy µs/key', 'servers µs/key']
  const alone = [`A server joins a ring of ${NODES}, no other load:\n`, table(plainText, heads.map(right), rows)]
  return [...alone, ...largeTable(large), ...loads.flatMap(loadTable)].join('\n')
}

function largeTable(large: readonly LargeKey[]): string[] {
  const rows = large.map(({ what, seconds, bareSeconds, longestPingMs, barePingMs }) => [
    ...[what, `${seconds.toFixed(2)} s`, `${bareSeconds.toFixed(2)} s`, (seconds / bareSeconds).toFixed(2)],
    ...[longestPingMs, barePingMs].map((ms) => `${ms.toFixed(0)} ms`),
  ])
  const heads = ['', 'time', 'DUMP, RESTORE', 'ratio', 'longest PING', 'of DUMP, RESTORE']
  return ['One large key moves, no other load:\n', table(plainText, heads.map(right), rows)]
}

function loadTable({ clients, phases, joinFrom, joinTo, keysCopied, errors }: UnderLoad): string[] {
  const { before, during, after } = phases
  const ratio = (of: (seen: Seen) => number) => ((2 * of(during)) / (of(before) + of(after))).toFixed(2)
  const rows = Object.entries(phases).map(([phase, seen]) => [
    ...[phase, count(seen.perSecond)],
    ...[seen.p50Ms, seen.p99Ms, seen.maxMs].map((ms) => `${ms.toFixed(2)} ms`),
  ])
  rows.push([
    'during / others',
    ratio((seen) => seen.perSecond),
    ratio(({ p50Ms }) => p50Ms),
    ratio(({ p99Ms }) => p99Ms),
    '',
  ])
  const what = `A server joins while ${clients} clients read (80 %) and write (20 %)`
  return [
    `${what}; ${count(keysCopied)} keys in ${(joinTo - joinFrom).toFixed(1)} s, ${errors} errors:\n`,
    table(plainText, ['', 'commands/s', 'p50', 'p99', 'max'].map(right), rows),
  ]
}

const WIDTH = 960
const MARGIN = 28
const HEADER_HEIGHT = 112
const PANEL = { width: WIDTH - 2 * MARGIN, height: 260 }

function figure({ clients, keysCopied, line, joinFrom, copiedAt, joinTo }: UnderLoad): string {
  const end = line[line.length - 1].at
  const x = {
    ...{ label: 'seconds', min: 0, max: end, format: String },
    ticks: axisTicks(end, 10).filter((tick) => tick <= end),
  }
  const bands = [
    { series: 0, from: joinFrom, to: copiedAt, label: 'copies are made' },
    { series: 2, from: copiedAt, to: joinTo, label: 'displaced copies are deleted' },
  ]
  const chart = (row: number, name: string, values: readonly ((seen: Seen) => number)[], unit: string) => {
    const ticks = axisTicks(Math.max(...line.flatMap((seen) => values.map((value) => value(seen)))) * 1.02, 5)
    return lineChart({
      ...{ name, x, bands },
      place: { x: MARGIN, y: HEADER_HEIGHT + row * PANEL.height, ...PANEL },
      y: { label: unit, min: 0, max: ticks[ticks.length - 1], ticks, format: (value) => value.toLocaleString('en-US') },
      lines: values.map((value, i) => ({
        series: row === 0 ? 1 : i === 0 ? 1 : 3,
        points: line.map((seen) => [seen.at, value(seen)] as const),
      })),
    })
  }
  const words = `${clients} clients, each with one command at a time, 80 % GET and 20 % SET of 100 bytes; ${count(keysCopied)} keys are copied to the new server.`
  return page(
    {
      title: 'What clients notice when a server joins',
      ...{ width: WIDTH, height: HEADER_HEIGHT + 2 * PANEL.height + MARGIN / 2, margin: MARGIN },
      styles: LINE_CHART_STYLES,
    },
    [
      svg('text', { class: 'faint', x: MARGIN, y: 65 }, svgText(words)),
      ...lineLegend(
        [
          { series: 1, label: 'throughput, median latency' },
          { series: 3, label: '99th percentile' },
        ],
        MARGIN,
        88,
      ),
      chart(0, 'Throughput', [(seen) => seen.perSecond], 'commands per second'),
      chart(1, 'Latency', [(seen) => seen.p50Ms, (seen) => seen.p99Ms], 'milliseconds'),
    ],
  )
}

await runBench('How fast data moves when a server joins, and what clients notice of it.', async (options) => {
  const { quick } = options
  const repetitions = quick ? 1 : 3
  const rates = [
    await measureRate(options, '100-byte values', {
      ...{ keys: keysUpTo(quick ? 20_000 : 300_000), valueBytes: 100, value: randomValue, repetitions },
    }),
    await measureRate(options, '10 KB of JSON', {
      ...{ keys: keysUpTo(quick ? 2000 : 30_000), valueBytes: 10_000, value: jsonValue, repetitions },
    }),
    await measureRate(options, '10 KB of random bytes', {
      ...{ keys: keysUpTo(quick ? 2000 : 30_000), valueBytes: 10_000, value: randomValue, repetitions },
    }),
    await measureRate(options, 'one key of 100 MB', {
      ...{ keys: [keyThatMoves()], valueBytes: quick ? 10_000_000 : 100_000_000, value: randomValue, repetitions },
    }),
  ]
  const large = [
    await measureHash(options, 'a hash of 100 MB', { fields: quick ? 10_000 : 100_000, valueBytes: 1000, repetitions }),
    await measureHash(options, 'a hash of 2 million fields', {
      ...{ fields: quick ? 200_000 : 2_000_000, valueBytes: 10, repetitions },
    }),
  ]
  const loads = [await measureUnderLoad(options, 16), await measureUnderLoad(options, 50)]
  return { json: { rates, large, loads }, table: tables(rates, large, loads), figure: figure(loads[0]) }
})
