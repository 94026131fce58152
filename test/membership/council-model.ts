import {
  type Council,
  councilOf,
  distinct,
  type Found,
  isNoted,
  leftOf,
  missingAtStart,
  type Noted,
} from '../../src/membership/council.js'
import { isLater, type Stamp } from '../../src/membership/provenance.js'
import type { View } from '../../src/view/view.js'

/** A view as far as it matters here: who is in it, and what it comes from. */
interface Published extends Stamp {
  readonly members: readonly string[]
  readonly file: string | undefined
  readonly before: readonly Council[]
  readonly parent: Published | undefined
}

interface Server {
  up: boolean
  /** The term of the proxy whose connections it takes. */
  owner: number
  marker: Published | undefined
  /** It restarted since it answered its marker. */
  restarted: boolean
  /** Its marker is one from before the last that it answered. */
  rolledBack: boolean
  /** The latest view that it was told to be acknowledged. */
  acknowledged: Stamp | undefined
  readonly earlier: (Published | undefined)[]
}

interface Proxy {
  readonly term: number
  view: Published
  /** What was acknowledged last, as the next view has it. */
  before: readonly Council[]
  readonly file: string | undefined
  readonly answered: Map<string, number>
}

/** A place where a proxy may run, with its disk. */
interface Machine {
  disk: { readonly id: string; view: Published; owner: number } | undefined
  proxy: Proxy | undefined
  /** Members that a proxy here does not reach. */
  cut: Set<string>
}

/** When a view is noted, and when a start may serve: the program's, or others that the model has to find wrong. */
export interface Rules {
  isNoted(proxy: Pick<Proxy, 'before' | 'view'>, noted: Noted): boolean
  /** `councils` are the view's own, and those before it. */
  mayServe(newest: Published, councils: readonly Council[], found: Found, isNewestInFile: boolean): boolean
}

export const RULES: Rules = {
  isNoted: ({ before }, noted) => isNoted(before, noted),
  mayServe: (_, councils, found) => missingAtStart(councils, found) === undefined,
}

export interface Step {
  readonly what:
    | 'up'
    | 'reach'
    | 'wipe'
    | 'restart'
    | 'roll back'
    | 'lose disk'
    | 'crash'
    | 'start'
    | 'accept'
    | 'publish'
    | 'tell'
    | 'save'
    | 'write'
    | 'work'
  readonly machine: number
  readonly member: number
  /** The bits of those members that are up, or that the machine reaches. */
  readonly members: number
}

const NAMES = ['dt-1', 'dt-2', 'dt-3', 'dt-4', 'dt-5', 'dt-6', 'dt-7']

/**
 * Members, and two machines on which proxies start, crash, publish views and acknowledge. It keeps what nobody in it knows:
 * which view was acknowledged last. Every start has to serve that one or one that comes from it, and nobody acknowledges
 * beside it.
 */
export class CouncilModel {
  acknowledgements = 0
  starts = 0
  private readonly servers: ReadonlyMap<string, Server>
  private readonly machines: readonly Machine[] = [0, 1].map(() => ({
    disk: undefined,
    proxy: undefined,
    cut: new Set<string>(),
  }))
  private latest: Published | undefined
  private terms = 0
  private files = 0

  constructor(
    private readonly settings: { readonly members: number; readonly replicas: number; readonly withFile: boolean },
    private readonly rules: Rules = RULES,
  ) {
    const server = (): Server => {
      const marks = { marker: undefined, restarted: false, rolledBack: false, acknowledged: undefined }
      return { up: true, owner: 0, ...marks, earlier: [] }
    }
    this.servers = new Map(NAMES.slice(0, settings.members).map((name) => [name, server()]))
    this.begin()
  }

  happens({ what, machine: place, member, members }: Step): void {
    const machine = this.machines[place % 2]
    const name = NAMES[member % this.settings.members]
    const server = this.servers.get(name)!
    const isAmong = (each: string) => ((members >> NAMES.indexOf(each)) & 1) === 1
    if (what === 'up') for (const [each, one] of this.servers) one.up = isAmong(each)
    else if (what === 'reach') machine.cut = new Set([...this.servers.keys()].filter((each) => !isAmong(each)))
    else if (what === 'wipe') Object.assign(server, { marker: undefined, restarted: true, acknowledged: undefined })
    else if (what === 'restart') server.restarted = true
    else if (what === 'roll back') this.rollBack(server)
    else if (what === 'crash') machine.proxy = undefined
    else if (what === 'lose disk') machine.disk = machine.proxy === undefined ? undefined : machine.disk
    else if (what === 'start') this.start(machine, false)
    else if (what === 'accept') this.start(machine, true)
    else if (what === 'publish') this.publish(machine)
    else if (what === 'tell') this.tell(machine, name)
    else if (what === 'save') this.save(machine)
    else if (what === 'write') this.write(machine)
    else this.serves(place % 2)
  }

  /** Whether the proxy of this machine serves, and a write is acknowledged after everything was told that can be. */
  serves(place: number): boolean {
    const machine = this.machines[place]
    const before = this.acknowledgements
    this.publish(machine)
    this.save(machine)
    for (const name of this.servers.keys()) this.tell(machine, name)
    this.write(machine)
    return this.acknowledgements > before
  }

  /** A new ring, with all members there. */
  private begin(): void {
    const [machine] = this.machines
    const file = this.settings.withFile ? this.newFile() : undefined
    const members = [...this.servers.keys()]
    const before = [councilOf(viewOf(members), file)]
    const term = ++this.terms
    const view: Published = { term, epoch: 1, members, file, before, parent: undefined }
    machine.proxy = { term, view, before, file, answered: new Map() }
    for (const server of this.servers.values()) server.owner = term
    if (!this.serves(0)) throw new Error('a new ring is served')
  }

  private reaches(machine: Machine, name: string): boolean {
    return this.servers.get(name)!.up && !machine.cut.has(name)
  }

  /** Makes all members ours that are there, and serves what was found if that may be. */
  private start(machine: Machine, isAccepted: boolean): void {
    const term = ++this.terms
    const claimed = [...this.servers.keys()].filter((name) => this.reaches(machine, name))
    machine.proxy = undefined
    if (machine.disk !== undefined) machine.disk.owner = term
    for (const name of claimed) this.servers.get(name)!.owner = term
    const found = claimed.map((name) => this.servers.get(name)!)
    const views = [...found.map(({ marker }) => marker), machine.disk?.view].filter((view) => view !== undefined)
    if (views.length === 0) return
    const newest = views.reduce((a, b) => (isLater(b, a) ? b : a))
    if (isAccepted && !this.isTrue(machine, newest)) return

    const own = councilOf(viewOf(newest.members), newest.file)
    const isKnown = found.some(({ acknowledged }) => {
      return acknowledged?.term === newest.term && acknowledged.epoch >= newest.epoch
    })
    const asked = distinct(isKnown ? [own] : [own, ...newest.before])
    const councils = isAccepted ? leftOf(asked, (name) => claimed.includes(name)) : asked
    const has = (name: string) => claimed.includes(name) && this.servers.get(name)!.marker !== undefined
    const isIntact = (name: string) => has(name) && !this.servers.get(name)!.restarted
    const isNewestInFile = machine.disk !== undefined && !isLater(newest, machine.disk.view)
    const seen = { file: machine.disk?.id, has, isIntact }
    if (!isAccepted && !this.rules.mayServe(newest, councils, seen, isNewestInFile)) return
    this.starts++
    if (this.latest !== undefined && !comesFrom(newest, this.latest)) {
      if (!this.isExcused(machine)) {
        throw new Error(`${text(newest)} is served, and ${text(this.latest)} was acknowledged`)
      }
      this.latest = newest
    }
    const isFiled = machine.disk !== undefined && machine.disk.id === newest.file
    const file = !this.settings.withFile ? undefined : isFiled ? newest.file : this.newFile()
    const members = claimed.length === 0 ? newest.members : claimed
    const before = councils.length === 0 ? [councilOf(viewOf(members), file)] : councils
    const view: Published = { term, epoch: newest.epoch + 1, members, file, before, parent: newest }
    machine.proxy = { term, view, before, file, answered: new Map() }
  }

  /** The operator may say that there is nothing later when that is so; and what is not here does not come back. */
  private isTrue(machine: Machine, newest: Published): boolean {
    if (this.latest !== undefined && !comesFrom(newest, this.latest)) return false
    for (const [name, server] of this.servers) {
      if (!this.reaches(machine, name))
        Object.assign(server, { marker: undefined, restarted: true, acknowledged: undefined })
    }
    for (const other of this.machines)
      if (other !== machine) Object.assign(other, { proxy: undefined, disk: undefined })
    return true
  }

  /** The next view has those members that are reached; who has come back is filled in no time. */
  private publish(machine: Machine): void {
    const { proxy } = machine
    if (proxy === undefined) return
    const members = [...this.servers].flatMap(([name, { owner }]) => {
      return this.reaches(machine, name) && owner <= proxy.term ? [name] : []
    })
    // The last one stays, wherever it is.
    const stays = members.filter((name) => proxy.view.members.includes(name))
    const { term, before, file } = proxy
    const next = stays.length > 0 ? members : proxy.view.members
    proxy.view = { term, epoch: proxy.view.epoch + 1, members: next, file, before, parent: proxy.view }
  }

  /** A member that is reached becomes ours if it is not, and gets the marker of the present view. */
  private tell({ proxy, cut }: Machine, name: string): void {
    const server = this.servers.get(name)!
    if (proxy === undefined || !server.up || cut.has(name) || server.owner > proxy.term) return
    server.owner = proxy.term
    if (!proxy.view.members.includes(name)) return
    if (server.marker !== proxy.view) server.earlier.push(server.marker)
    Object.assign(server, { marker: proxy.view, restarted: false, rolledBack: false })
    proxy.answered.set(name, proxy.view.epoch)
  }

  private save(machine: Machine): void {
    const { proxy, disk } = machine
    if (proxy?.file === undefined || (disk !== undefined && disk.owner > proxy.term)) return
    machine.disk = { id: proxy.file, view: proxy.view, owner: proxy.term }
  }

  /** A write is acknowledged when its view is noted and all who hold its key have executed it. */
  private write(machine: Machine): void {
    const { proxy, disk } = machine
    if (proxy === undefined) return
    const { view } = proxy
    const isSaved = proxy.file === undefined || disk?.view === view
    const noted = {
      file: isSaved ? proxy.file : undefined,
      has: (name: string) => proxy.answered.get(name) === view.epoch,
    }
    const holders = view.members.slice(0, this.settings.replicas + 1)
    const haveIt = holders.every((name) => this.reaches(machine, name) && this.servers.get(name)!.marker === view)
    if (!haveIt || !isSaved || !this.rules.isNoted(proxy, noted)) return
    if (this.latest !== undefined && !comesFrom(view, this.latest)) {
      throw new Error(`${text(view)} is acknowledged beside ${text(this.latest)}`)
    }
    this.latest = view
    this.acknowledgements++
    proxy.before = [councilOf(viewOf(view.members), view.file)]
    for (const server of this.servers.values()) {
      if (server.marker === view) server.acknowledged = { term: view.term, epoch: view.epoch }
    }
  }

  /** It comes back with an earlier data set, with the marker that was in it. */
  private rollBack(server: Server): void {
    if (server.earlier.length === 0) return
    Object.assign(server, { marker: server.earlier.pop(), restarted: true, rolledBack: true, acknowledged: undefined })
  }

  /** More of those who have what was acknowledged last have failed than a ring can bear, and some of them silently. */
  private isExcused(machine: Machine): boolean {
    const { latest, settings } = this
    if (latest === undefined) return false
    if (![...this.servers.values()].some(({ rolledBack }) => rolledBack)) return false
    const harmed = latest.members.filter((name) => {
      return !this.reaches(machine, name) || this.servers.get(name)!.marker !== latest
    })
    return harmed.length > Math.min(settings.replicas, latest.members.length - 1)
  }

  private newFile(): string {
    return `file-${++this.files}`
  }
}

function comesFrom(view: Published, ancestor: Published): boolean {
  for (let each: Published | undefined = view; each !== undefined; each = each.parent)
    if (each === ancestor) return true
  return false
}

function viewOf(names: readonly string[]): View {
  const members = names.map((name) => ({ name, host: '', port: 0, state: 'up' as const }))
  return { members } as unknown as View
}

function text({ term, epoch, members }: Published): string {
  return `term ${term} epoch ${epoch} of ${members.join(' ')}`
}
