import type { Random } from '../chaos/random.js'
import type { Action } from './actions.js'
import type { Fault } from './settings.js'
import { Workload } from './workload.js'
import type { World } from './world.js'

/** What servers may refuse. */
const REFUSABLE = ['set', 'append', 'incr', 'rpush', 'hset', 'sadd', 'srem', 'rename', 'copy', 'restore', 'mset', 'del']
/** Of the time that a fault lasts, as a share of all faults: what began has to end again. */
const MEND_SHARE = 0.6

/** So many actions stand right behind a view, and so many of them break a connection, where they are to. */
const BEHIND_VIEW = 6
const BREAK_SHARE = 0.3
/** So often somebody joins or leaves then. */
const MOVE_SHARE = 0.02

/** So many actions stand right behind what empties databases, and so many of them are faults, where they are to be. */
const BEHIND_SWEEP = 20
const SWEEP_FAULT_SHARE = 0.15

const PAUSES_MS = [0, 1, 1, 3, 10, 50]
const SOON_MS = 1000

/** Draws what happens next. */
export class Chooser {
  private readonly workload: Workload
  /** The view that was looked at last, and how many actions more stand right behind it. */
  private epoch = 0
  private behindView = 0
  /** How many actions more stand right behind what empties databases. */
  private behindSweep = 0

  constructor(
    private readonly world: World,
    private readonly random: Random,
  ) {
    this.workload = new Workload(world.settings, random)
  }

  next(): Action {
    const { random, world } = this
    const { settings } = world
    if (settings.faults.includes('views')) {
      if (this.isBehindView() && random.chance(BREAK_SHARE)) return this.breakOne()
      if (random.chance(MOVE_SHARE))
        return { do: random.pick(['add', 'leave', 'stay']), server: random.below(world.servers.length) }
    }
    if (settings.faults.includes('sweeps') && this.behindSweep-- > 0 && random.chance(SWEEP_FAULT_SHARE)) {
      const server = random.below(world.servers.length)
      return random.chance(0.5)
        ? { do: 'break', server, arrives: random.below(2) }
        : { do: 'restart', server, with: 'nothing' }
    }
    const share = random.next()
    if (share < settings.faultShare) return random.chance(MEND_SHARE) ? this.mend() : this.fault()
    if (share < settings.faultShare + settings.sendShare) {
      const command = this.workload.next(world.time.wallMs)
      if (command.args[0].startsWith('FLUSH')) this.behindSweep = BEHIND_SWEEP
      return { do: 'send', client: random.below(settings.clients), command }
    }
    return this.course() ?? { do: 'pass', ms: random.chance(0.2) ? this.untilDeadline() : random.pick(PAUSES_MS) }
  }

  private isBehindView(): boolean {
    const { epoch } = this.world.proxy.views.current
    if (epoch !== this.epoch) this.behindView = BEHIND_VIEW
    this.epoch = epoch
    return this.behindView-- > 0
  }

  private breakOne(): Action {
    return { do: 'break', server: this.random.below(this.world.servers.length), arrives: 0 }
  }

  /** How long until the deadline of some key passes, by the clock of its server, if that is soon. */
  private untilDeadline(): number {
    const { random, world } = this
    const { store, wallMs } = random.pick(world.servers)
    for (const database of store.databases) {
      for (const { deadlineMs } of database.values()) {
        if (deadlineMs > wallMs && deadlineMs < wallMs + SOON_MS) return deadlineMs - wallMs
      }
    }
    return 1
  }

  /** Something of what goes on by itself. */
  private course(): Action | undefined {
    const { random, world } = this
    const { servers, proxy, time } = world
    switch (random.below(10)) {
      case 0:
      case 1:
      case 2: {
        const server = this.one(
          (i) => !servers[i].isStopped && servers[i].connections.some(({ commands }) => commands.length > 0),
        )
        if (server === undefined) break
        const { connections } = servers[server]
        const connection = random.chance(0.7) ? 0 : random.below(connections.length)
        return { do: 'execute', server, connection, count: random.between(1, 4) }
      }
      case 3:
      case 4:
      case 5: {
        const isWritten = (i: number) => (proxy.links.to(servers[i])?.connection?.written.length ?? 0) > 0
        const server = this.one(isWritten)
        if (server === undefined) break
        return { do: 'read', server, count: random.between(1, 6) }
      }
      case 6:
      case 7:
        if (time.waitingImmediates === 0) break
        return { do: 'immediate' }
      case 8: {
        const server = this.one((i) => proxy.links.to(servers[i])?.connection === undefined)
        if (server === undefined) break
        return { do: 'connect', server }
      }
    }
    return undefined
  }

  /** One of the servers for which that is so. */
  private one(is: (server: number) => boolean): number | undefined {
    const { servers } = this.world
    const first = this.random.below(servers.length)
    for (let i = 0; i < servers.length; i++) if (is((first + i) % servers.length)) return (first + i) % servers.length
    return undefined
  }

  private fault(): Action {
    const { random, world } = this
    const server = random.below(world.servers.length)
    const fault: Fault = random.pick(world.settings.faults)
    switch (fault) {
      case 'views':
      case 'sweeps':
      case 'break':
        return { do: 'break', server, arrives: random.chance(0.5) ? 0 : random.below(6) }
      case 'stop':
        return { do: 'stop', server }
      case 'cut off':
        return random.chance(0.5) ? { do: 'cut off', server } : { do: 'break', server, arrives: random.below(6) }
      case 'down':
        return { do: 'declare down', server }
      case 'lose': {
        if (random.chance(0.3)) return { do: 'save', server }
        return { do: 'restart', server, with: random.pick(['everything', 'snapshot', 'nothing']) }
      }
      case 'refuse':
        return { do: 'refuse', server, commands: random.sample(REFUSABLE, random.between(1, 6)) }
      case 'full':
        return { do: 'fill up', server }
      case 'expire':
        return { do: 'expire', server }
      case 'members':
        return random.chance(0.5) ? { do: 'add', server } : { do: 'leave', server }
    }
  }

  private mend(): Action {
    const { random, world } = this
    const server = random.below(world.servers.length)
    switch (random.below(6)) {
      case 0:
        return { do: 'wake', server }
      case 1:
        return { do: 'reach', server }
      case 2:
        return { do: 'make room', server }
      case 3:
        return { do: 'stay', server }
      case 4:
        return { do: 'refuse', server, commands: [] }
      default:
        return { do: 'connect', server }
    }
  }
}
