import type { Order } from '../../order/order.js'
import type { Router } from '../../order/router.js'
import { PlainCommands, plainPlanOf } from './plain.js'
import { type Plan, planOf, type QueuedCommand } from './plan.js'

/** What stood between MULTI and EXEC. */
export type Commands = readonly QueuedCommand[] | PlainCommands

/** The commands one by one: of a plain transaction they are made for that. */
export function listOf(commands: Commands): readonly QueuedCommand[] {
  return commands instanceof PlainCommands ? commands.list() : commands
}

/** How a transaction is cut now: that takes a look at all its commands, so it is not found out again before it may have changed. */
export class Planned {
  /** By which routes. */
  router: Router | undefined
  private listed: readonly QueuedCommand[] | undefined
  private plan: Plan | undefined
  private databases = 0

  constructor(
    private readonly order: Order,
    readonly commands: Commands,
  ) {}

  get list(): readonly QueuedCommand[] {
    this.listed ??= listOf(this.commands)
    return this.listed
  }

  /** Whether some of them are for all members. */
  get asksMembers(): boolean {
    return !(this.commands instanceof PlainCommands) && this.commands.some(({ row }) => row.route === 'members')
  }

  now(): Plan {
    const { order, commands } = this
    const { router, databases } = order
    if (this.plan === undefined || this.router !== router || this.databases !== databases) {
      const isPlain = commands instanceof PlainCommands && commands.db < databases
      this.plan = isPlain ? plainPlanOf(order, commands) : planOf(order, this.list)
      this.router = router
      this.databases = databases
    }
    return this.plan
  }
}
