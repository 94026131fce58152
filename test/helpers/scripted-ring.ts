import { Links } from '../../src/backend/links.js'
import { silentLogger } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { lookupCommand, lookupSubcommand } from '../../src/command/table.js'
import { Coordinator } from '../../src/coordinator/coordinator.js'
import type { Order } from '../../src/order/order.js'
import { frameOf } from '../../src/resp/frame.js'
import { buildView } from '../../src/view/build-view.js'
import { ViewStore } from '../../src/view/view-store.js'
import { COORDINATOR_OPTIONS } from './coordinator-options.js'
import { slotFor } from './fake-slot.js'
import type { Teardown } from './proxy.js'
import { type Script, ScriptedServer } from './scripted-server.js'
import { until } from './until.js'

/** The data path over servers that say exactly what a test wants: for servers of versions that are not here. */
export interface ScriptedRing {
  readonly coordinator: Coordinator
  readonly order: Order
  readonly views: ViewStore
  /** `dt-1`, `dt-2`, … in this order. */
  readonly servers: readonly ScriptedServer[]
  /** The servers of a key, its master first. */
  replicasOf(key: string): ScriptedServer[]
  /** The reply to one command, in RESP3, as text. */
  ask(...args: string[]): Promise<string>
}

export interface ScriptedRingOptions {
  readonly nodes?: number
  readonly replicas?: number
  /** What INFO of the servers says beside what a healthy master says. */
  readonly info?: Record<string, string>
  /** How long a server is not tried again that could not be reached; very soon if not given. */
  readonly reconnectMs?: number
}

/** A ring of scripted servers, all of which say what `script` says; each key is on all of three if nothing else is asked for. */
export async function startScriptedRing(
  t: Teardown,
  script: Script,
  { nodes = 3, replicas = 2, info = {}, reconnectMs }: ScriptedRingOptions = {},
): Promise<ScriptedRing> {
  const servers = await Promise.all(Array.from({ length: nodes }, () => ScriptedServer.start(t, script)))
  for (const server of servers) Object.assign(server.info, info)
  const members = servers.map(({ port }, i) => {
    return { name: `dt-${i + 1}`, host: '127.0.0.1', port, state: 'up' as const }
  })
  const views = new ViewStore(buildView('dt', 1, replicas, 64, []))
  let coordinator!: Coordinator
  const pauses = { reconnectMinMs: reconnectMs ?? 10, reconnectMaxMs: reconnectMs ?? 50 }
  const linkOptions = { connectTimeoutMs: 5000, ...pauses, pingIntervalMs: 60_000 }
  const links = new Links({ ...linkOptions, ringId: 'dt', runId: 'test' }, new Turn(), silentLogger(), {
    onUp: (link) => coordinator.linkUp(link),
    onDown: (link) => coordinator.order.linkDown(link),
  })
  coordinator = new Coordinator(views, links, silentLogger(), COORDINATOR_OPTIONS)
  const { opening, acknowledgement } = coordinator.order
  t.teardown(() => {
    coordinator.order.close()
    links.close()
  })
  for (const member of members) links.connect(member)
  opening.open()
  views.publish(buildView('dt', 2, replicas, 64, members))
  acknowledgement.markerAnswered(2)
  const { router } = coordinator.order
  await until('all links are up', () => router.links.every(({ serving }) => serving))
  // What is said to each server that comes up is no part of the story.
  await Promise.all(router.links.map((link) => link.call(['PING'])))
  for (const server of servers) server.received.length = 0
  return {
    coordinator,
    order: coordinator.order,
    views,
    servers,
    replicasOf: (key) => {
      const { targets } = router.routeOfKey(Buffer.from(key), 0, key.length)
      return targets.map((link) => servers[router.links.indexOf(link)])
    },
    ask: (...args) => new Promise((resolve) => submit(coordinator, args, resolve)),
  }
}

/** A ring of two servers without copies, and a key on each of them. */
export async function startTwoApart(t: Teardown, script: Script) {
  const ring = await startScriptedRing(t, script, { nodes: 2, replicas: 0 })
  const keyOf = (server: ScriptedServer) =>
    Array.from({ length: 100 }, (_, i) => `k${i}`).find((key) => ring.replicasOf(key)[0] === server)!
  return { ring, one: keyOf(ring.servers[0]), other: keyOf(ring.servers[1]) }
}

/** What the servers of a ring were told by this command. */
export function toldIn(ring: ScriptedRing, name: string): string[] {
  return ring.servers.flatMap((server) => server.commands(name))
}

function submit(coordinator: Coordinator, args: readonly string[], done: (reply: string) => void): void {
  const frame = frameOf(args)
  const { buf, argStart, argEnd } = frame
  const command = lookupCommand(buf, argStart[0], argEnd[0])
  if (command === undefined) throw new Error(`there is no command ${args[0]}`)
  const sub = command.subcommands === undefined ? undefined : lookupSubcommand(command, buf, argStart[1], argEnd[1])
  coordinator.submit(frame, sub ?? command, slotFor(done, 3))
}
