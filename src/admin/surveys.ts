import { askMembers } from '../client/commands/info-members.js'
import type { Server } from '../client/server.js'
import { countKeysByMaster } from '../order/key-count.js'

/** How often servers are asked: for their keys, which may be many, and for a few numbers. */
const KEYS_MS = 10_000
const LOADS_MS = 2000

/** What a server has to do, as it says itself. */
export interface Load {
  readonly memoryBytes: number
  /** maxmemory; 0 is no limit. */
  readonly memoryMaxBytes: number
  /** In a second. */
  readonly commands: number
}

/** What servers are asked for, while somebody watches and then only; by their names, as far as they have answered. */
export class Surveys {
  /** Keys of which each is the master. */
  keys: ReadonlyMap<string, number> = new Map()
  loads: ReadonlyMap<string, Load> = new Map()
  private keysDueMs = 0
  private loadsDueMs = 0

  constructor(private readonly server: Server) {}

  /** Somebody watches: asks for what was asked for too long ago. */
  look(): void {
    const nowMs = performance.now()
    if (nowMs >= this.keysDueMs) {
      this.keysDueMs = nowMs + KEYS_MS
      this.note('keys were counted', this.askForKeys())
    }
    if (nowMs >= this.loadsDueMs) {
      this.loadsDueMs = nowMs + LOADS_MS
      this.note('servers were asked what they do', this.askForLoads())
    }
  }

  private note(what: string, work: Promise<void>): void {
    work.catch((failure: Error) => this.server.failed(failure, { while: `${what} for the page` }))
  }

  private async askForKeys(): Promise<void> {
    this.keys = (await countKeysByMaster(this.server.order.router)).byMaster
  }

  private async askForLoads(): Promise<void> {
    const { answers } = await askMembers(this.server, ['memory', 'stats'])
    this.loads = new Map(
      [...answers].map(([name, fields]): [string, Load] => {
        const number = (field: string) => Number(fields.get(field) ?? 0)
        const memory = { memoryBytes: number('used_memory'), memoryMaxBytes: number('maxmemory') }
        return [name, { ...memory, commands: number('instantaneous_ops_per_sec') }]
      }),
    )
  }
}
