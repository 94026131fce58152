import { isMoving } from '../../src/view/parting.js'
import { checkLinearizable } from '../chaos/checkers/linearizable.js'
import type { Operation } from '../chaos/history.js'
import { type PartOperation, textOf } from './client.js'
import type { Server } from './server.js'
import { mayLackRepairs } from './settings.js'
import type { Entry } from './store.js'
import { alive, commandsOf, END, isRead, ofTag, READS, TagModel, type TagState } from './tag-model.js'
import { groupsOf, TOGETHER } from './workload.js'
import type { World } from './world.js'

export interface Violation {
  readonly check: 'exception' | 'held' | 'replicas' | 'history'
  readonly message: string
}

const NOTHING = '_\r\n'
/** Searches that take longer say nothing. */
const SEARCH_STEPS_MAX = 8_000

/** Whether nothing is under way or to be done any more. */
export function isQuiet(world: World): boolean {
  return unrest(world) === undefined
}

/** What is still under way, in words. */
export function unrest({ proxy, clients }: World): string | undefined {
  const { order, links, views, migrator } = proxy
  const { lanes, doubts, waiting, acknowledgement } = order
  const waitingClients = clients.filter(({ outstanding }) => outstanding > 0)
  if (waitingClients.length > 0) return `client ${waitingClients[0].number} waits for a reply`
  if (lanes.active > 0) return `${lanes.active} keys are held`
  if (doubts.size > 0) return `keys are in doubt: ${doubts.ids().join(' ')}`
  if (waiting.length > 0) return `${waiting.length} commands wait`
  if (!acknowledgement.open) return 'nothing is acknowledged'
  const { members, replicaSets } = views.current
  const moving = replicaSets.find((set) => isMoving(views.current, set))
  if (moving !== undefined)
    return `${[...moving.natural, ...moving.pending].at(-1)!.name} is still to get or to let go of something`
  if (migrator.sweeps.length > 0) return `displaced copies are left on ${migrator.sweeps.join(' ')}`
  for (const { name, state } of members) {
    const link = links.get(name)
    if (state === 'gone' || link?.ready !== true) return `${name} is not there`
    if (!link.serving) return `${name} serves nothing`
    if (link.outstanding > 0) return `${name} owes replies`
  }
  return undefined
}

/** All natural replicas of a key hold the same, and nobody else holds it [design §2 G1, G3]. */
export function checkReplicas({ proxy, servers }: World): Violation | undefined {
  const { router } = proxy.order
  const members = servers.filter(({ name }) => router.links.some((link) => link.name === name))
  for (let db = 0; db < servers[0].store.databases.length; db++) {
    const keys = new Set(members.flatMap(({ store }) => [...store.databases[db].keys()]))
    for (const key of keys) {
      const bytes = Buffer.from(key, 'latin1')
      const { natural } = router.routeOfKey(bytes, 0, bytes.length)
      const holders = natural.map(({ name }) => members.find((server) => server.name === name)!)
      const texts = holders.map((server) => `${server.name} has ${inWords(entryOf(server, db, key))}`)
      const distinct = new Set(holders.map((server) => inWords(entryOf(server, db, key))))
      const name = db === 0 ? key : `${key} of database ${db}`
      if (distinct.size > 1) return { check: 'replicas', message: `${name}: ${texts.join('; ')}` }
      const stranger = members.find((server) => !holders.includes(server) && entryOf(server, db, key) !== undefined)
      if (stranger !== undefined) return { check: 'replicas', message: `${name} is on ${stranger.name}, too` }
    }
  }
  return undefined
}

/** What clients were told of each tag's keys can have happened, and leads to what is there now. */
export function checkHistories(world: World): { violation?: Violation; undecided: number } {
  const { story, settings, servers, proxy } = world
  const latestMs = Math.max(...servers.map((server) => server.wallMs))
  const offsets = servers.map(({ clockOffsetMs }) => clockOffsetMs)
  const clocks = { leastMs: Math.min(...offsets) - 1, mostMs: Math.max(...offsets) + 1 }
  const readsMayVanish = mayLackRepairs(settings)
  // A SPOP that finds nothing reads.
  const hasRead = ({ part, outcome }: PartOperation) =>
    isRead(part) || (part.args[0] === 'SPOP' && outcome.kind === 'ok' && outcome.value === NOTHING)
  let undecided = 0
  for (const tag of groupsOf(settings)) {
    const all = story.operations.filter(({ part }) => part.tag === tag)
    const gone = world.exposure.mayBeGone(all, hasRead)
    const operations = all.filter((operation) => !(readsMayVanish && hasRead(operation)) && !gone.has(operation))
    const masterOf = (name: string) => {
      const key = Buffer.from(`{${name}}`)
      const [master] = proxy.order.router.routeOfKey(key, 0, key.length).natural
      return servers.find((server) => server.name === master.name)!
    }
    const [{ wallMs, store }] = tag === TOGETHER ? servers : [masterOf(tag)]
    const final =
      tag === TOGETHER ? together(settings.tags, (each) => masterOf(each).store.databases) : ofTag(store.databases, tag)
    const end = { state: final, nowMs: wallMs, latestMs }
    const isMixed = ({ part }: PartOperation) => commandsOf(part).some(([name]) => READS.has(name))
    const vague = readsMayVanish ? operations.filter(isMixed) : world.exposure.mayBeGone(operations, isMixed)
    const model = new TagModel(operations, store.databases.length, clocks, end, new Set([...vague].map(({ id }) => id)))
    const last: Operation = {
      ...base(Number.MAX_SAFE_INTEGER, END, tag, -1),
      invokedMs: Number.MAX_SAFE_INTEGER - 1,
      returnedMs: Number.MAX_SAFE_INTEGER,
      outcome: { kind: 'ok', value: null },
    }
    if (goesStraight(model, operations, last)) continue
    const verdict = checkLinearizable(model, [...operations.map(toOperation), last], SEARCH_STEPS_MAX)
    if (verdict.kind === 'undecided') undecided++
    if (verdict.kind !== 'violation') continue
    const { ordered, state, candidates } = verdict.stuck
    const stuck = candidates.map(({ id, name }) =>
      name === END ? 'what is there in the end' : inStory(operations, id),
    )
    const there = model.key(end.state) || 'nothing'
    const message =
      `the history of {${tag}} cannot be: after ${ordered} operations there was ${state || 'nothing'}, ` +
      `and then could not come ${stuck.join(' nor ')}; in the end there is ${there}`
    return { violation: { check: 'history', message }, undecided }
  }
  return { undecided }
}

/** What the masters have of the keys that are used together. */
function together(tags: readonly string[], databasesOf: (tag: string) => TagState): TagState {
  const all = tags.map((tag) => ofTag(databasesOf(tag), TOGETHER).map((keys) => own(keys, `{${tag}}`)))
  return all[0].map((_, db) => new Map(all.flatMap((databases) => [...databases[db]])))
}

function own(keys: TagState[number], tag: string): [string, Entry][] {
  return [...keys].filter(([key]) => key.startsWith(tag))
}

/**
 * Whether the operations can have happened in the order in which each time the one that returned first comes first that can:
 * nearly always, and much sooner known than by a search.
 */
function goesStraight(model: TagModel, operations: readonly PartOperation[], last: Operation): boolean {
  const left = operations.filter(({ outcome }) => outcome.kind === 'ok').sort((a, b) => a.returned - b.returned)
  let state = model.initial
  while (left.length > 0) {
    const firstReturn = left[0].returned
    const i = left.findIndex((operation) => {
      if (operation.invoked > firstReturn) return false
      const [next] = model.step(state, toOperation(operation))
      if (next === undefined) return false
      state = next
      return true
    })
    if (i < 0) return false
    left.splice(i, 1)
  }
  return model.step(state, last).length > 0
}

function toOperation({ id, client, part, invoked, returned, outcome, after }: PartOperation): Operation {
  return {
    ...base(id, part.args[0], part.tag, client),
    invokedMs: invoked,
    returnedMs: outcome.kind === 'unknown' ? Number.POSITIVE_INFINITY : returned,
    outcome,
    ...(after === undefined ? {} : { after }),
  }
}

function base(id: number, name: string, key: string, client: number) {
  return { id, name, key, client, workload: 'tag', args: [] }
}

function inStory(operations: readonly PartOperation[], id: number): string {
  const operation = operations.find((each) => each.id === id)!
  const { part, client, outcome } = operation
  const answer = outcome.kind === 'ok' ? JSON.stringify(outcome.value) : outcome.kind
  return `${textOf(part)} of client ${client}, answered ${answer}`
}

function entryOf({ store, wallMs }: Server, db: number, key: string): Entry | undefined {
  return alive(store.databases[db].get(key), wallMs)
}

function inWords(entry: Entry | undefined): string {
  if (entry === undefined) return 'nothing'
  const { kind, items, deadlineMs } = entry
  return `the ${kind} ${items.join(',')}${Number.isFinite(deadlineMs) ? ` until ${deadlineMs}` : ''}`
}
