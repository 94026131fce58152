import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError, UserError } from '../base/user-error.js'
import type { Fields } from './answers.js'
import { parseWords } from './arguments.js'
import { addressOf, PROXY_OPTIONS, type ProxyClient, type ProxyOptions, withProxy } from './proxy-client.js'
import { json, migrationLines } from './show.js'
import { count, counted, duration, type Output, Progress, percent, right, size, styled, table } from './terminal.js'

const POLL_MS = 200
/** A new server that is not in the ring after this long is not on its way. */
const JOIN_TIMEOUT_MS = 30_000
/** The Sentinels are told within some seconds, if they answer. */
const FORGET_TIMEOUT_MS = 15_000

const OPTIONS = { ...PROXY_OPTIONS, name: { type: 'string' } } as const

/** `dt add host:port --name NAME`: until its data is there. */
export async function add(argv: string[], out: Output): Promise<number> {
  const { values, positionals } = parseWords(argv, OPTIONS, ['host:port'])
  const name = nameIn(values)
  addressOf(positionals[0])
  return withProxy(values, async (client) => {
    const told = await client.fields('ADD', name, positionals[0])
    const quiet = values.json === true
    if (!quiet) warnNotTold(told, out)
    const seconds = await follow(client, new Progress(out, quiet), new Arrival(client, name))
    const node = await nodeNamed(client, name)
    if (quiet) return json(out, { ...told, seconds, ...node })
    const keys = `it is the master of ${counted(Number(node?.['keys-mastered']), 'key')} (${percent(Number(node?.share))})`
    out.write(`${styled(out, 'green', `${name} is a member`)} after ${duration(seconds)}: ${keys}\n`)
    return 0
  })
}

/** `dt remove NAME`: until its data is elsewhere and the Sentinels have forgotten it. */
export async function remove(argv: string[], out: Output): Promise<number> {
  const { values, positionals } = parseWords(argv, PROXY_OPTIONS, ['name'])
  const [name] = positionals
  return withProxy(values, async (client) => {
    const told = await client.fields('REMOVE', name)
    const quiet = values.json === true
    if (told.state === 'removed') {
      if (quiet) return json(out, told)
      warnNotTold(told, out)
      out.write(`${name} was no member; the Sentinels have forgotten it.\n`)
      return 0
    }
    if (!quiet) await warnFewer(client, Number(told.copies), out)
    const seconds = await follow(client, new Progress(out, quiet), new Departure(client, name))
    if (quiet) return json(out, { ...told, state: 'removed', seconds })
    out.write(`${styled(out, 'green', `${name} has left`)} after ${duration(seconds)}\n`)
    return 0
  })
}

/** `dt cancel NAME`: a server that joins does not, one that leaves stays. */
export async function cancel(argv: string[], out: Output): Promise<number> {
  const { values, positionals } = parseWords(argv, PROXY_OPTIONS, ['name'])
  const result = await withProxy(values, (client) => client.fields('CANCEL', positionals[0]))
  if (values.json === true) return json(out, result)
  warnNotTold(result, out)
  out.write(`${result.name} ${result.state === 'stays' ? 'stays' : 'does not join'}.\n`)
  return 0
}

/** `dt plan add host:port --name NAME`, `dt plan remove NAME`: what would move. */
export async function plan(argv: string[], out: Output): Promise<number> {
  const { values, positionals } = parseWords(argv, OPTIONS, ['add, remove or upgrade', 'host:port or name'])
  const [what, whom] = positionals
  if (what === 'upgrade' || what === 'add') addressOf(whom)
  if (what === 'upgrade') return planUpgrade(values, whom, out)
  if (what !== 'add' && what !== 'remove') throw new UsageError(`there is no plan to '${what}'`)
  const args = what === 'add' ? ['PLAN', 'ADD', nameIn(values), whom] : ['PLAN', 'REMOVE', whom]
  const result = await counting(values, out, (client) => client.fields(...args))
  if (values.json === true) return json(out, result)
  const about = result.counted === 'exact' ? '' : '~'
  const number = (value: unknown) => about + count(Number(value))
  const rows = (result.moves as Fields[]).map((move) => [
    ...[String(move.source), String(move.member), number(move.ranges).replace('~', '')],
    ...[number(move.keys), size(Number(move.bytes))],
  ])
  if (rows.length === 0) out.write('No data would move.\n')
  else out.write(table(out, [{ head: 'from' }, { head: 'to' }, right('ranges'), right('keys'), right('memory')], rows))
  const [keys, bytes, seconds] = [Number(result.keys), Number(result.bytes), Number(result.seconds)]
  out.write(`\n${about}${counted(keys, 'copy', 'copies')}, ${size(bytes)}, in about ${duration(seconds)}.\n`)
  const share = `${percent(Number(result.share))} of all (K/N, an even share: ${percent(Number(result['ideal-share']))})`
  out.write(`${about}${counted(Number(result['keys-mastered']), 'key')} would get another master: ${share}.\n`)
  if (result.counted === 'incomplete') out.write('Not all keys were counted: no server of theirs answers.\n')
  return 0
}

/** What the proxy answers, which counts keys first: how many there are nobody knows before. */
function counting<T>(values: ProxyOptions, out: Output, asking: (client: ProxyClient) => Promise<T>): Promise<T> {
  const progress = new Progress(out, values.json === true)
  const beganMs = performance.now()
  const timer = setInterval(() => {
    const seconds = Math.floor((performance.now() - beganMs) / 1000)
    if (seconds > 0) progress.show([`the keys are counted, for ${duration(seconds)} so far`])
  }, POLL_MS)
  return withProxy(values, asking).finally(() => {
    clearInterval(timer)
    progress.clear()
  })
}

/** `dt plan upgrade host:port`: the order in which the members become what that server is. */
async function planUpgrade(values: ProxyOptions, pattern: string, out: Output): Promise<number> {
  const steps = await counting(values, out, (client) => client.list('PLAN', 'UPGRADE', pattern))
  if (values.json === true) return json(out, steps)
  if (steps.length === 0) {
    out.write('Every member is that already.\n')
    return 0
  }
  const rows = steps.map((step) => [
    ...[String(step.member), String(step.from), String(step.to)],
    ...[count(Number(step.keys)), size(Number(step.bytes)), `~${duration(Number(step.seconds))}`],
  ])
  const columns = [{ head: 'member' }, { head: 'from' }, { head: 'to' }]
  out.write(table(out, [...columns, right('copies made anew'), right('memory'), right('time')], rows))
  out.write(`
One after the other, in this order: stop the server, start the new one in its place (same name, address and directory),
and wait until dt migrations says that no data moves.
`)
  return 0
}

/** What has to come true; `migrations` is what DT MIGRATIONS answers now. */
interface Goal {
  isReached(migrations: readonly Fields[]): Promise<boolean>
}

/** The server is a member, and has all that belongs to it. */
class Arrival implements Goal {
  private readonly deadlineMs = performance.now() + JOIN_TIMEOUT_MS

  constructor(
    private readonly client: ProxyClient,
    private readonly name: string,
  ) {}

  async isReached(migrations: readonly Fields[]): Promise<boolean> {
    const { client, name } = this
    const view = await client.fields('VIEW')
    if ((view.members as string[]).includes(name)) return view['pending-ranges'] === 0 && migrations.length === 0
    if (performance.now() < this.deadlineMs) return false
    const why = (await nodeNamed(client, name))?.why ?? 'the Sentinels do not monitor it, as after a dt cancel'
    throw new UserError(`${name} is not in the ring: ${why}`)
  }
}

/** The server has nothing any more, and the Sentinels have forgotten it; or it will not come to that. */
class Departure implements Goal {
  /** Since when it has nothing, and is known still. */
  private emptySinceMs: number | undefined

  constructor(
    private readonly client: ProxyClient,
    private readonly name: string,
  ) {}

  async isReached(migrations: readonly Fields[]): Promise<boolean> {
    const { client, name } = this
    const view = await client.fields('VIEW')
    const isMember = (view.members as string[]).includes(name)
    if (isMember && migrations.length === 0 && view['pending-ranges'] === 0) {
      throw new UserError(`${name} stays: its removal was taken back (dt cancel)`)
    }
    if (migrations.length > 0 || isMember) return false
    if ((await nodeNamed(client, name)) === undefined) return true
    this.emptySinceMs ??= performance.now()
    if (performance.now() - this.emptySinceMs < FORGET_TIMEOUT_MS) return false
    throw new UserError(
      `${name} has left the ring, and no Sentinel has been told to forget it yet: the proxy goes on trying, and its log says why it cannot`,
    )
  }
}

/** Shows what moves until the goal is reached; gives the seconds that took. */
async function follow(client: ProxyClient, progress: Progress, goal: Goal): Promise<number> {
  const startedAtMs = performance.now()
  try {
    for (;;) {
      const migrations = await client.list('MIGRATIONS')
      progress.show(migrationLines(migrations, progress.columns))
      if (await goal.isReached(migrations)) return Math.round(performance.now() - startedAtMs) / 1000
      await sleep(POLL_MS)
    }
  } finally {
    progress.clear()
  }
}

async function nodeNamed(client: ProxyClient, name: string): Promise<Fields | undefined> {
  return (await client.list('NODES')).find((node) => node.name === name)
}

function warnNotTold(told: Fields, out: Output): void {
  for (const reason of (told['sentinels-not-told'] ?? []) as string[]) {
    out.write(`${styled(out, 'yellow', 'a Sentinel could not be told')}: ${reason}\n`)
  }
}

/** A ring of fewer members than that has fewer copies of each key than the settings want. */
async function warnFewer(client: ProxyClient, copies: number, out: Output): Promise<void> {
  const wanted = Number((await client.fields('VIEW')).replicas) + 1
  if (copies >= wanted) return
  const text = `each key has ${counted(copies, 'copy', 'copies')} then, and not ${wanted}: too few servers are left`
  out.write(`${styled(out, 'yellow', text)}\n`)
}

function nameIn({ name }: { name?: string | undefined }): string {
  if (name === undefined) throw new UsageError('--name is missing')
  return name
}
