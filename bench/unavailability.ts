import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Output, table } from '../src/cli/terminal.js'
import { identifierOfKey } from '../src/ring/identifier.js'
import { Ring } from '../src/ring/ring.js'
import { ChaosRing } from '../test/chaos/chaos-ring.js'
import { unrest } from '../test/chaos/health.js'
import { fillHash } from './support/large-key.js'
import { Pipeline } from './support/pipeline.js'
import { Probe } from './support/probe.js'
import { type BenchOptions, runBench } from './support/run-bench.js'
import { type Fault, unavailabilityFigure } from './support/unavailability-figure.js'

/*
 * For how long keys cannot be read or written when something fails: a ring of real processes, one of its servers, the
 * victim, or the proxy meets a fault, and probes ask every 5 ms for keys of which the victim is the master, is a backup, or
 * has nothing.
 */
const NODES = 5
const REPLICAS = 2
const VIRTUAL_NODES = 64
const DOWN_AFTER_MS = 1000
const VICTIM = 'dt-2'
/** What the victim is for a key. */
const ROLES = ['master', 'backup', 'none'] as const
const PROBES_PER_ROLE = 4
const SETTLE_PATIENCE_MS = 60_000

type Role = (typeof ROLES)[number]

type Step = (ring: ChaosRing, quick: boolean) => Promise<unknown>

type Faults = Readonly<Record<string, Step | { readonly prepare: Step; readonly inject: Step }>>

/** What is measured: the fault, and for how long it lasts in all. */
const FAULTS: Faults = {
  'nothing (for comparison)': () => sleep(1000),
  'server: kill -9': loseServer,
  'server: kill -9, back at once with its data': (ring) => ring.restart(VICTIM, false),
  'server: kill -9, back at once and empty': (ring) => ring.restart(VICTIM, true),
  'server: stopped for 0.5 s': (ring) => pause(ring, 500),
  'server: stopped for 3 s': (ring) => pause(ring, 3000),
  'link: broken, and made again': (ring) => cut(ring, 0),
  'link: down for 3 s, Sentinels see the server': (ring) => cut(ring, 3000),
  'proxy: kill -9, started again': async ({ proxy }) => {
    await proxy.kill()
    await proxy.start()
  },
}

/** On a ring of their own: what is on the disk of a server that held a large key makes its next start slower. */
const FAULTS_BESIDE_LARGE: Faults = {
  'one large key, one server lost': {
    prepare: ({ proxy }, quick) => fillHash(proxy.port, largeKey(), quick ? 200_000 : 2_000_000, () => 'value'),
    inject: loseServer,
  },
}

async function loseServer(ring: ChaosRing): Promise<void> {
  await ring.member(VICTIM).server.kill()
  await sleep(2500)
  await ring.restart(VICTIM, false)
}

async function pause(ring: ChaosRing, ms: number): Promise<void> {
  ring.member(VICTIM).server.pause()
  await sleep(ms)
  ring.member(VICTIM).server.resume()
}

async function cut(ring: ChaosRing, ms: number): Promise<void> {
  ring.member(VICTIM).relay.cut(['proxy'])
  await sleep(ms)
  ring.member(VICTIM).relay.heal()
}

/** The longest requests of the probes of one kind, over all repetitions, in ms. */
interface Samples {
  readonly ms: number[]
  failures: number
}

async function measure({ quick, say }: BenchOptions, faults: Faults): Promise<Fault[]> {
  const dir = mkdtempSync(join(tmpdir(), 'dt-bench-'))
  const ring = new ChaosRing({
    ...{ dir, nodes: NODES, replicas: REPLICAS, sentinels: 3, downAfterMs: DOWN_AFTER_MS, nodeArgs: [] },
    onCrash: (who, how) => {
      throw new Error(`${who} has ended: ${how}`)
    },
  })
  const probes = ROLES.flatMap((role) =>
    keysWhereVictimIs(role).flatMap((key, i) => [
      { role, probe: new Probe(() => ring.proxy.port, `${key}`, i % 2 === 0 ? 'read' : 'write') } as const,
    ]),
  )
  const samples = new Map<string, Samples>()
  const samplesOf = (fault: string, kind: 'read' | 'write', role: Role): Samples => {
    const name = `${fault}/${kind}/${role}`
    const found = samples.get(name) ?? { ms: [], failures: 0 }
    samples.set(name, found)
    return found
  }
  try {
    await ring.start()
    await settled(ring, probes)
    for (const { probe } of probes) probe.start()
    await sleep(1000)
    for (let repetition = 1; repetition <= (quick ? 1 : 6); repetition++) {
      for (const [fault, what] of Object.entries(faults)) {
        const { prepare, inject } = typeof what === 'function' ? { prepare: undefined, inject: what } : what
        if (prepare !== undefined) {
          await prepare(ring, quick)
          await settled(ring, probes)
        }
        for (const { probe } of probes) probe.reset()
        await inject(ring, quick)
        await settled(ring, probes)
        for (const { role, probe } of probes) {
          const list = samplesOf(fault, probe.kind, role)
          list.ms.push(probe.longestMs)
          list.failures += probe.failures
        }
        const longest = probes.reduce((most, { probe }) => Math.max(most, probe.longestMs), 0)
        if (prepare !== undefined) await removeLarge(ring)
        say(`${repetition}: ${fault}: at most ${longest.toFixed(0)} ms`)
      }
    }
  } finally {
    await Promise.all(probes.map(({ probe }) => probe.stop()))
    await ring.stop()
    rmSync(dir, { recursive: true, force: true })
  }
  return Object.keys(faults).map((name) => ({
    name,
    kinds: ROLES.flatMap((role) =>
      (['read', 'write'] as const).map((kind) => {
        const { ms, failures } = samplesOf(name, kind, role)
        const sorted = [...ms].sort((a, b) => a - b)
        const at = (fraction: number) => sorted[Math.ceil(fraction * sorted.length) - 1]
        return { role, kind, p50: at(0.5), p99: at(0.99), max: at(1), samples: ms.length, failures }
      }),
    ),
  }))
}

/** A key of which the victim has a copy, and which no probe uses. */
function largeKey(): string {
  return keysWhereVictimIs('backup', 2 * PROBES_PER_ROLE + 1)[2 * PROBES_PER_ROLE]
}

async function removeLarge(ring: ChaosRing): Promise<void> {
  const pipeline = await Pipeline.open(ring.proxy.port)
  await pipeline.run([['UNLINK', largeKey()]])
  pipeline.close()
}

/** Keys for the probes, half of them to be read and half to be written. */
function keysWhereVictimIs(role: Role, count = 2 * PROBES_PER_ROLE): string[] {
  const ring = Ring.of(
    Array.from({ length: NODES }, (_, i) => `dt-${i + 1}`),
    VIRTUAL_NODES,
  )
  const found: string[] = []
  for (let i = 0; found.length < count; i++) {
    const key = `probe:${i}`
    const place = ring
      .successors(ring.rangeOf(identifierOfKey(Buffer.from(key), 0, key.length)), REPLICAS + 1)
      .indexOf(VICTIM)
    if ((place === 0 ? 'master' : place > 0 ? 'backup' : 'none') === role) found.push(key)
  }
  return found
}

/** Resolves when the ring has come to rest and every probe is answered. */
async function settled(ring: ChaosRing, probes: readonly { readonly probe: Probe }[]): Promise<void> {
  const deadlineMs = Date.now() + SETTLE_PATIENCE_MS
  for (;;) {
    const missing = await unrest(ring)
    if (missing === undefined && probes.every(({ probe }) => !probe.started || probe.waitingMs < 100)) break
    if (Date.now() > deadlineMs) throw new Error(`the ring does not come to rest: ${missing ?? 'a probe waits'}`)
    await sleep(50)
  }
  await sleep(200)
}

const plainText: Output = { write: () => {} }
const WHAT: Record<Role, string> = { master: 'its master', backup: 'a backup', none: 'not there' }

function tableOf(faults: readonly Fault[]): string {
  const right = (head: string) => ({ head, align: 'right' as const })
  const rows = faults.flatMap(({ name, kinds }) =>
    ROLES.map((role, i) => {
      const cells = (['read', 'write'] as const).flatMap((kind) => {
        const found = kinds.find((each) => each.role === role && each.kind === kind)
        return [...[found?.p50, found?.p99, found?.max].map((ms) => ms?.toFixed(ms < 10 ? 1 : 0) ?? '')]
      })
      return [i === 0 ? name : '', WHAT[role], ...cells]
    }),
  )
  const heads = ['read p50', 'p99', 'max', 'write p50', 'p99', 'max']
  const columns = [{ head: 'fault' }, { head: 'the server is' }, ...heads.map(right)]
  const samples = faults[0].kinds[0].samples
  return `The longest that a request took, errors retried, in ms (${samples} samples of each, down-after-milliseconds ${DOWN_AFTER_MS}):\n\n${table(plainText, columns, rows)}`
}

await runBench('For how long keys cannot be read or written, by kind of fault.', async (options) => {
  const faults = [...(await measure(options, FAULTS)), ...(await measure(options, FAULTS_BESIDE_LARGE))]
  return { json: { faults }, table: tableOf(faults), figure: unavailabilityFigure(faults) }
})
