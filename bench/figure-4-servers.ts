import { count, type Output, table } from '../src/cli/terminal.js'
import { bytesOf, decodeReply, elementsOf } from '../src/resp/decode.js'
import { MapReply, type Reply } from '../src/resp/encode.js'
import { LINE_CHART_STYLES, type Line, lineChart, lineLegend } from '../src/simulate/line-chart.js'
import { page } from '../src/simulate/page.js'
import { axisTicks, svg, svgText } from '../src/simulate/svg.js'
import { BenchRing } from './support/bench-ring.js'
import { keyNamed, randomValue } from './support/load.js'
import { Pipeline } from './support/pipeline.js'
import { type BenchOptions, runBench } from './support/run-bench.js'

/*
 * Figure 4 of the paper with real servers: one after the other joins a ring that is in use, and after each it is counted
 * which keys have another master (DT LOCATE says), and which copies are where there were none (each server says).
 */
const NODES_FIRST = 4
const REPLICAS = 2

/** What one join moved. */
interface Join {
  readonly ring: number
  /** Members before it. */
  readonly nodes: number
  readonly changedMaster: number
  /** Copies on servers that did not have them before. */
  readonly copiesMade: number
  /** Keys that the new server received, as the proxy's log says. */
  readonly copiesReceived: number
}

/** Where all keys are. */
interface Places {
  readonly masters: ReadonlyMap<string, string>
  readonly holders: ReadonlyMap<string, ReadonlySet<string>>
}

async function measure({ quick, say }: BenchOptions, keys: number): Promise<Join[]> {
  const joins: Join[] = []
  for (let ring = 1; ring <= (quick ? 1 : 5); ring++) {
    await BenchRing.with({ nodes: NODES_FIRST, replicas: REPLICAS, memberConfig: ['appendonly no'] }, async (it) => {
      const names = Array.from({ length: keys }, (_, i) => keyNamed(i))
      const pipeline = await Pipeline.open(it.port)
      await pipeline.run(names.map((name) => ['SET', name, randomValue(100)]))
      let before = await placesOf(it, pipeline, names)
      for (let nodes = NODES_FIRST; nodes <= (quick ? 5 : 8); nodes++) {
        // Names decide places: each ring gets other servers.
        const received = await it.join(`dt-${ring}-${nodes + 1}`)
        const after = await placesOf(it, pipeline, names)
        const join = { ring, nodes, ...compare(before, after), copiesReceived: received.keys }
        say(`ring ${ring}, N = ${nodes}: ${join.changedMaster} keys, ${join.copiesMade} copies`)
        joins.push(join)
        before = after
      }
      pipeline.close()
    })
  }
  return joins
}

function compare(before: Places, after: Places): { changedMaster: number; copiesMade: number } {
  let changedMaster = 0
  let copiesMade = 0
  for (const [key, master] of after.masters) {
    if (master !== before.masters.get(key)) changedMaster++
    for (const holder of after.holders.get(key) ?? []) if (!before.holders.get(key)?.has(holder)) copiesMade++
  }
  return { changedMaster, copiesMade }
}

/** @throws Error when a key is not on exactly r+1 servers, those that DT LOCATE names */
async function placesOf(ring: BenchRing, proxy: Pipeline, keys: readonly string[]): Promise<Places> {
  const holders = new Map<string, Set<string>>(keys.map((key) => [key, new Set()]))
  for (const { name, port } of ring.members) {
    const server = await Pipeline.open(port)
    await server.run([['KEYS', '*']], (_, reply) => {
      for (const key of elementsOf(decodeReply(reply, 0, reply.length)) ?? []) {
        holders.get(String(bytesOf(key)))?.add(name)
      }
    })
    server.close()
  }
  const masters = new Map<string, string>()
  await proxy.run([['HELLO', '3']])
  await proxy.run(
    keys.map((key) => ['DT', 'LOCATE', key]),
    ([, , key], reply) => {
      const replicas = elementsOf(field(decodeReply(reply, 0, reply.length), 'replicas'))
      const names = (replicas ?? []).map((replica) => String(bytesOf(field(replica, 'name'))))
      const found = holders.get(String(key))
      if (found?.size !== REPLICAS + 1 || !names.every((name) => found.has(name))) {
        throw new Error(`${key} belongs to ${names.join(', ')}, and is on ${[...(found ?? [])].join(', ')}`)
      }
      masters.set(String(key), names[0])
    },
  )
  return { masters, holders }
}

function field(reply: Reply, name: string): Reply {
  const entry = reply instanceof MapReply && reply.entries.find(([key]) => String(bytesOf(key)) === name)
  if (!entry) throw new Error(`a reply of DT without ${name}`)
  return entry[1]
}

const plainText: Output = { write: () => {} }

function tableOf(keys: number, joins: readonly Join[]): string {
  const heads = ['N', 'ring', 'K/N', 'K/(N+1)', 'changed master', '(r+1)K/(N+1)', 'copies made', 'received']
  const rows = [...joins]
    .sort((a, b) => a.nodes - b.nodes || a.ring - b.ring)
    .map(({ nodes, ring, changedMaster, copiesMade, copiesReceived }) => {
      const even = keys / (nodes + 1)
      return [
        ...[String(nodes), String(ring)],
        ...[keys / nodes, even, changedMaster, (REPLICAS + 1) * even, copiesMade, copiesReceived].map(count),
      ]
    })
  const aligned = heads.map((head) => ({ head, align: 'right' as const }))
  return `A server joins a ring of N servers with K = ${count(keys)} keys, r = ${REPLICAS}:\n\n${table(plainText, aligned, rows)}`
}

const WIDTH = 960
const MARGIN = 28
const HEADER_HEIGHT = 112
const COLUMN_GAP = 24
const PANEL = { width: (WIDTH - 2 * MARGIN - COLUMN_GAP) / 2, height: 320 }

function figure(keys: number, joins: readonly Join[]): string {
  const sizes = [...new Set(joins.map(({ nodes }) => nodes))]
  const [first, last] = [sizes[0], sizes[sizes.length - 1]]
  const expected = (valueOfN: (nodes: number) => number) => sizes.map((nodes) => [nodes, valueOfN(nodes)] as const)
  const chart = (column: number, name: string, unit: string, lines: readonly Line[]) => {
    const ticks = axisTicks(Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y))) * 1.02, 6)
    return lineChart({
      ...{ name, lines },
      place: { x: MARGIN + column * (PANEL.width + COLUMN_GAP), y: HEADER_HEIGHT, ...PANEL },
      x: { label: 'servers before the join, N', min: first - 0.5, max: last + 0.5, ticks: sizes, format: String },
      y: { label: unit, min: 0, max: ticks[ticks.length - 1], ticks, format: count },
    })
  }
  const rings = new Set(joins.map(({ ring }) => ring)).size
  const words = `${count(keys)} keys with ${REPLICAS} backups each on real servers that join a ring in use, 64 virtual nodes; ${rings} rings with other names.`
  return page(
    {
      title: 'Keys and copies that move when a server joins a real ring',
      ...{ width: WIDTH, height: HEADER_HEIGHT + PANEL.height + MARGIN / 2, margin: MARGIN },
      styles: LINE_CHART_STYLES,
    },
    [
      svg('text', { class: 'faint', x: MARGIN, y: 65 }, svgText(words)),
      ...lineLegend(
        [
          { series: 1, label: 'counted', kind: 'dots' },
          { series: 'ideal', label: 'K/N, and r+1 times that' },
          { series: 0, label: 'one part of N+1, and r+1 times that' },
        ],
        MARGIN,
        88,
      ),
      chart(0, 'Keys that change their master', 'keys', [
        { series: 'ideal', points: expected((nodes) => keys / nodes) },
        { series: 0, points: expected((nodes) => keys / (nodes + 1)) },
        { series: 1, kind: 'dots', points: joins.map(({ nodes, changedMaster }) => [nodes, changedMaster]) },
      ]),
      chart(1, 'Copies that are made', 'copies', [
        { series: 'ideal', points: expected((nodes) => ((REPLICAS + 1) * keys) / nodes) },
        { series: 0, points: expected((nodes) => ((REPLICAS + 1) * keys) / (nodes + 1)) },
        { series: 1, kind: 'dots', points: joins.map(({ nodes, copiesMade }) => [nodes, copiesMade]) },
      ]),
    ],
  )
}

await runBench('Keys and copies that move when a server joins a real ring of N.', async (options) => {
  const keys = options.quick ? 2000 : 20_000
  const joins = await measure(options, keys)
  return { json: { keys, replicas: REPLICAS, joins }, table: tableOf(keys, joins), figure: figure(keys, joins) }
})
