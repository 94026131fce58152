import { Random } from '../chaos/random.js'
import { type Action, describe } from './actions.js'
import { Client, type ClientCommand, Story, textOf } from './client.js'
import { Exposure } from './exposure.js'
import { type Connection, Server, type Snapshot } from './server.js'
import { mayLackRepairs, type Settings } from './settings.js'
import { isNatural, SimulatedProxy } from './simulated-proxy.js'
import { setTime, VirtualTime } from './virtual-time.js'

/** Everything of one run: the proxy with its ring, its clients, and time; and what can happen to them. */
export class World {
  readonly time = new VirtualTime()
  readonly story = new Story()
  /** What of the history may have been read and be gone. */
  readonly exposure = new Exposure(() => this.story.moment())
  readonly servers: readonly Server[]
  readonly clients: readonly Client[]
  readonly proxy: SimulatedProxy
  /** What happened, in words; kept only when somebody wants to read it. */
  readonly trace: string[] | undefined
  private resting = false
  private readonly known = new Set<Server>()
  private readonly snapshots = new Map<Server, Snapshot>()
  /** Servers that the ring has not noticed yet to be other processes than before. */
  private readonly unnoticed = new Set<Server>()

  constructor(
    readonly settings: Settings,
    isTraced: boolean,
  ) {
    setTime(this.time)
    this.trace = isTraced ? [] : undefined
    const { seed } = settings
    this.servers = settings.servers.map(
      ({ name, clockOffsetMs, pushesFollow }) =>
        new Server(name, clockOffsetMs, pushesFollow, this.time, new Random(seed, name)),
    )
    const byName = new Map(this.servers.map((server) => [server.name, server]))
    const lossKnown = (server: Server) => {
      this.unnoticed.delete(server)
      this.lookAtLosses()
    }
    this.proxy = new SimulatedProxy(byName, settings, lossKnown, ({ name }) => this.exposure.broken(name))
    this.proxy.views.onChange((view) => {
      this.exposure.viewed(view)
      this.lookAtLosses()
      if (this.trace !== undefined) this.traceView()
    })
    this.clients = Array.from(
      { length: settings.clients },
      (_, i) =>
        new Client(i, this.time, this.story, !mayLackRepairs(settings), (client, command, reply) =>
          this.heard(client, command, reply),
        ),
    )
    const members = this.servers.slice(0, settings.members)
    for (const server of members) this.known.add(server)
    this.proxy.begin(members)
  }

  /** Does it, if it is possible now. */
  perform(action: Action): boolean {
    const { trace } = this
    const before = trace?.length
    const done = this.try(action)
    // What followed from it stands behind it.
    if (done && !this.resting)
      trace?.splice(
        before!,
        0,
        describe(action, (i) => this.servers[i].name),
      )
    return done
  }

  /** The faults end: what happens from now on is what has to. */
  rest(): void {
    for (let server = 0; server < this.servers.length; server++) {
      for (const what of ['wake', 'reach', 'make room'] as const) this.perform({ do: what, server })
      this.perform({ do: 'refuse', server, commands: [] })
    }
    this.trace?.push('from here on nothing fails')
    this.resting = true
  }

  private try(action: Action): boolean {
    const { time, proxy } = this
    switch (action.do) {
      case 'send':
        return this.send(action.client, action.command)
      case 'immediate':
        if (time.waitingImmediates === 0) return false
        time.runImmediate()
        return true
      case 'pass':
        time.pass(action.ms)
        return true
    }
    const server = this.servers[action.server]
    const link = proxy.links.to(server)
    switch (action.do) {
      case 'execute':
        return this.execute(server, action.connection, action.count)
      case 'read':
        return link !== undefined && link.read(action.count) > 0
      case 'connect':
        return this.connect(server)
      case 'break':
        if (link?.connection === undefined) return false
        link.break('the connection broke', action.arrives)
        return true
      case 'stop':
      case 'wake':
        return change(server.isStopped, action.do === 'stop', (now) => (server.isStopped = now))
      case 'cut off':
      case 'reach':
        return change(server.isCutOff, action.do === 'cut off', (now) => (server.isCutOff = now))
      case 'fill up':
      case 'make room':
        return change(server.isFull, action.do === 'fill up', (now) => (server.isFull = now))
      case 'refuse':
        if (action.commands.length === 0 && server.refused.size === 0) return false
        server.refused = new Set(action.commands)
        return true
      case 'expire':
        return !server.isStopped && server.expireSome()
      case 'save':
        this.snapshots.set(server, server.snapshot())
        return true
      case 'declare down':
        if (!this.mayFail(server)) return false
        this.exposure.failed(server.name)
        proxy.declareDown(server)
        return true
      case 'restart':
        return this.restart(server, action.with)
      case 'add':
        if (this.known.has(server)) return false
        this.known.add(server)
        proxy.know(server)
        return true
      case 'leave':
        return this.mayLeave(server) && proxy.keeper.leave(server.name)
      case 'stay':
        return proxy.keeper.stay(server.name)
    }
  }

  private send(number: number, command: ClientCommand): boolean {
    const client = this.clients[number]
    if (client === undefined || client.isPaused || client.outstanding >= this.settings.depth) return false
    client.send(this.proxy.coordinator, command)
    return true
  }

  private heard(client: Client, command: ClientCommand, reply: string): void {
    this.trace?.push(`  client ${client.number} is answered ${JSON.stringify(reply)} to ${textOf(command)}`)
  }

  private execute(server: Server, number: number, count: number): boolean {
    const connection = server.connections[server.connections.length - 1 - number]
    if (connection === undefined || server.isStopped) return false
    let done = 0
    while (done < count) {
      const [command] = connection.commands
      if (!server.execute(connection)) break
      done++
      if (this.trace !== undefined) this.traceExecution(server, connection, command.args, command.db)
    }
    return done > 0
  }

  private traceExecution(server: Server, { written }: Connection, args: readonly string[], db: number): void {
    if (args[0] === 'INFO') return
    const reply = written.findLast(({ kind }) => kind === 'reply')
    const text = reply?.kind === 'reply' ? JSON.stringify(reply.text) : ''
    this.trace?.push(`  ${server.name}: ${db === 0 ? '' : `[${db}] `}${args.join(' ')} → ${text}`)
  }

  private connect(server: Server): boolean {
    const link = this.proxy.links.to(server)
    if (link === undefined || link.isClosed || link.connection !== undefined) return false
    if (server.isStopped || server.isCutOff) return false
    link.connect()
    return true
  }

  private restart(server: Server, data: 'everything' | 'snapshot' | 'nothing'): boolean {
    const snapshot = this.snapshots.get(server)
    if (data === 'snapshot' && snapshot === undefined) return false
    const isLess = data !== 'everything'
    const isPresent = this.proxy.isPresent(server)
    if (isLess ? !this.mayLose(server) : isPresent && !this.mayFail(server)) return false
    if (isLess) server.hasLess = true
    this.unnoticed.add(server)
    this.exposure.failed(server.name)
    const kept = data === 'everything' ? server.snapshot() : data === 'snapshot' ? snapshot : undefined
    // The process is gone before the proxy hears of it: nothing of the old connections is executed any more.
    server.begin(kept ?? server.store.databases.length)
    server.isStopped = false
    this.proxy.links.to(server)?.break('the server died', 0)
    return true
  }

  /** Whether every range still has a natural replica with all its data when this server counts for nothing. */
  private mayLose(server: Server): boolean {
    return this.setsOf(server).every((natural) =>
      natural.some((each) => each !== server && this.isReliable(each) && this.proxy.isPresent(each)),
    )
  }

  /**
   * The same when it is away for a while. All may be away that have everything: their range waits. What must not happen
   * is that one with less is left as the last.
   */
  private mayFail(server: Server): boolean {
    if (!this.proxy.isPresent(server)) return false
    return this.setsOf(server).every((natural) => {
      const others = natural.filter((each) => each !== server && this.proxy.isPresent(each))
      return others.length === 0 ? natural.every((each) => !each.hasLess) : others.some((each) => this.isReliable(each))
    })
  }

  /** What it has counts, and will: another process is taken for one that may have lost something. */
  private isReliable(server: Server): boolean {
    return !server.hasLess && !this.unnoticed.has(server)
  }

  /** A ring of fewer members than copies is another story. */
  private mayLeave(server: Server): boolean {
    const { wanted } = this.proxy.views.current
    return wanted.includes(server.name) && wanted.length > this.settings.replicas + 1
  }

  /** The natural replicas of each range of which the server is one. */
  private setsOf({ name }: Server): Server[][] {
    const byName = new Map(this.servers.map((server) => [server.name, server]))
    return this.proxy.views.current.replicaSets
      .filter(({ natural }) => natural.some((member) => member.name === name))
      .map(({ natural }) => natural.map((member) => byName.get(member.name)!))
  }

  /** Who has less and is natural nowhere will be filled before it is natural again, once the ring knows. */
  private lookAtLosses(): void {
    for (const server of this.servers) {
      if (server.hasLess && !this.unnoticed.has(server) && !isNatural(this.proxy.views.current, server.name)) {
        server.hasLess = false
      }
    }
  }

  private traceView(): void {
    const { epoch, replicaSets } = this.proxy.views.current
    const names = (members: readonly { readonly name: string }[]) => members.map(({ name }) => name).join(' ')
    const sets = replicaSets.map(({ natural, pending }) => {
      return pending.length === 0 ? names(natural) : `${names(natural)} ← ${names(pending)}`
    })
    this.trace?.push(`  view ${epoch}: ${sets.join(', ')}`)
  }
}

function change(before: boolean, now: boolean, set: (now: boolean) => void): boolean {
  if (before === now) return false
  set(now)
  return true
}
