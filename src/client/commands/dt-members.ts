import { setTimeout as sleep } from 'node:timers/promises'
import { cannotTake, nameOfKind } from '../../backend/server-kind.js'
import { WORD_BYTES_MAX } from '../../base/ascii.js'
import { UserError } from '../../base/user-error.js'
import { refusalOf, tooFewDatabases, tooOld } from '../../membership/guard.js'
import { decodeMarks } from '../../membership/marker.js'
import { namePattern } from '../../membership/name-pattern.js'
import { probe } from '../../membership/probe.js'
import type { Told } from '../../membership/sentinel-admin.js'
import { type Forecast, forecast } from '../../migration/forecast.js'
import { describeKey, type FailedCopy } from '../../order/pieces/failed-copies.js'
import { double, error, map, type Reply } from '../../resp/encode.js'
import type { Member, View } from '../../view/view.js'
import type { Server } from '../server.js'
import { option, SYNTAX_ERROR } from './arguments.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<
  Server,
  'config' | 'keeper' | 'links' | 'log' | 'membership' | 'migrator' | 'noted' | 'order' | 'sentinels' | 'tls' | 'views'
>

/**
 * Changing who makes up the ring. ADD and REMOVE answer when the change has begun; the data moves afterwards, which
 * MIGRATIONS shows. PLAN tells what would move.
 */
export const memberCommands: Record<string, LocalCommand<Needs>> = {
  'dt|add': (_client, args, server) => answering(server, () => add(server, nameIn(args[2]), addressIn(args[3]))),
  'dt|cancel': (_client, args, server) => answering(server, () => cancel(server, nameIn(args[2]))),
  'dt|migrations': (_client, _args, server) => migrations(server),
  'dt|plan': (_client, args, server) => {
    const what = option(args[2])
    if (what === 'add' && args.length === 5)
      return answering(server, () => planAdd(server, nameIn(args[3]), addressIn(args[4])))
    if (what === 'remove' && args.length === 4) return answering(server, () => planRemove(server, nameIn(args[3])))
    if (what === 'upgrade' && args.length === 4) return answering(server, () => planUpgrade(server, addressIn(args[3])))
    return SYNTAX_ERROR
  },
  'dt|remove': (_client, args, server) => answering(server, () => remove(server, nameIn(args[2]))),
}

/** The Sentinels are asked every second what they monitor, and mostly say it before. */
const FORGET_MS = 2000

interface Address {
  readonly host: string
  readonly port: number
}

/** Not before there is a ring. What a user can mend is an error reply. */
async function answering({ order }: Needs, answer: () => Promise<Reply>): Promise<Reply> {
  try {
    const refusal = await order.opening.whenOpen()
    if (refusal !== undefined) return refusal
    return await answer()
  } catch (failure) {
    if (failure instanceof UserError) return error(`ERR ${failure.message}`)
    throw failure
  }
}

/** DT ADD name host:port */
async function add(server: Needs, name: string, address: Address): Promise<Reply> {
  checkNewName(server, name)
  await checkServer(server, name, address)
  const [like] = server.membership.status().masters
  const told = await server.sentinels.add(name, address, like?.name)
  server.membership.added(name)
  await settled(server, `the Sentinels were told to monitor ${name}`)
  server.log.info(
    { event: 'member-added', member: name, ...address },
    `${name} was added: the Sentinels were told to monitor it`,
  )
  return map([['name', name], ['address', `${address.host}:${address.port}`], ...describeTold(told)])
}

/**
 * DT REMOVE name: it serves until its data has moved; the Sentinels are told then. Of a server that is no member (any
 * more) they are told at once.
 */
async function remove(server: Needs, name: string): Promise<Reply> {
  const { keeper, views, membership, sentinels, log } = server
  const { members, replicas } = views.current
  const { masters, ignored } = membership.status()
  const isKnown = [...masters, ...ignored].some((server) => server.name === name)
  if (isKnown && !members.some((member) => member.name === name)) {
    const told = await sentinels.remove(name)
    log.info(
      { event: 'stranger-forgotten', member: name },
      `${name} was no member: the Sentinels were told to forget it`,
    )
    await forgotten(server, name)
    return map([['name', name], ['state', 'removed'], ...describeTold(told)])
  }
  checkMember(members, name)
  checkNotGone(views.current, name)
  if (!keeper.leave(name)) throw new UserError(`${name} is the only member: there is nobody to take its data`)
  log.info({ event: 'member-leaving', member: name }, `${name} was asked to leave: its data moves away`)
  await settled(server, `${name} was asked to leave`)
  return map([
    ['name', name],
    ['state', 'leaving'],
    ['copies', Math.min(views.current.wanted.length, replicas + 1)],
  ])
}

/** DT CANCEL name: who was leaving stays, who was joining does not join. */
async function cancel(server: Needs, name: string): Promise<Reply> {
  const { keeper, views, membership, sentinels, log } = server
  const { members, replicaSets } = views.current
  if (keeper.departed().includes(name)) throw new UserError(`${name} has left already`)
  if (keeper.stay(name)) {
    log.info({ event: 'member-stays', member: name }, `${name} stays: its leave was cancelled`)
    await settled(server, `the leave of ${name} was cancelled`)
    return map([
      ['name', name],
      ['state', 'stays'],
    ])
  }
  const holds = replicaSets.some(({ natural }) => natural.some((member) => member.name === name))
  if (holds) throw new UserError(`${name} neither joins nor leaves`)
  const isKnown = membership.status().masters.some((master) => master.name === name)
  if (!isKnown && !members.some((member) => member.name === name)) throw new UserError(`there is no server ${name}`)
  const told = await sentinels.remove(name)
  log.info({ event: 'join-cancelled', member: name }, `${name} does not join: the Sentinels were told to forget it`)
  await forgotten(server, name)
  return map([['name', name], ['state', 'removed'], ...describeTold(told)])
}

/**
 * Waits until a start of the proxy finds what was done, so that nobody is told what a crash takes back [design §12].
 *
 * @throws UserError when that takes too long; it is done then for all that
 */
async function settled({ noted, order }: Needs, done: string): Promise<void> {
  if (await noted()) return
  throw new UserError(
    `${done}, but too few members answer to note it: should the proxy end before they do, the next one does not know of ` +
      `it (waited ${order.options.unavailableTimeoutMs} ms)`,
  )
}

/** The same, after the Sentinels have said that they were told to forget a server, as far as they are reached. */
async function forgotten(server: Needs, name: string): Promise<void> {
  const isKnown = () => server.membership.status().masters.some((master) => master.name === name)
  for (const deadlineMs = performance.now() + FORGET_MS; isKnown() && performance.now() < deadlineMs; ) await sleep(20)
  await settled(server, `the Sentinels were told to forget ${name}`)
}

/** DT MIGRATIONS: what moves now, and where displaced copies are being deleted. */
function migrations({ migrator }: Needs): Reply {
  const intakes = migrator.status().map((status) =>
    map([
      ['member', status.member],
      ['reason', status.reason],
      ['step', status.step],
      ['sources', status.sources],
      ['keys', status.keys],
      ['keys-total', status.keysTotal],
      ['bytes', status.bytes],
      ['seconds', Math.round(status.seconds)],
      ['seconds-left', status.secondsLeft === undefined ? null : Math.ceil(status.secondsLeft)],
      ['failed', status.failed.map(describeFailed)],
    ]),
  )
  const heldUp = migrator.heldUpMembers().map(({ member, failed }) =>
    map([
      ['member', member],
      ['reason', 'refused'],
      ['step', 'waiting'],
      ['failed', failed.map(describeFailed)],
    ]),
  )
  const sweeps = migrator.sweeps.map((member) =>
    map([
      ['member', member],
      ['reason', 'displaced'],
      ['step', 'deleting'],
    ]),
  )
  return [...intakes, ...heldUp, ...sweeps]
}

function describeFailed({ id, reason }: FailedCopy): string {
  return `${describeKey(id)}: ${reason}`
}

/** DT PLAN ADD name host:port */
async function planAdd(server: Needs, name: string, { host, port }: Address): Promise<Reply> {
  checkNewName(server, name)
  const { view } = server.order.router
  const newcomer: Member = { name, host, port, state: 'up' }
  return plan(server, [...present(view.members), newcomer], [...view.wanted, name])
}

/** DT PLAN REMOVE name */
async function planRemove(server: Needs, name: string): Promise<Reply> {
  const { view } = server.order.router
  checkMember(view.members, name)
  checkNotGone(view, name)
  const wanted = view.wanted.filter((each) => each !== name)
  if (wanted.length === 0) throw new UserError(`${name} is the only member: there is nobody to take its data`)
  return plan(server, present(view.members), wanted)
}

/**
 * DT PLAN UPGRADE host:port: in which order the members can be made what that server is, one after the other, and what is
 * copied for each. A member that comes back as another program is filled anew from the others, so it has to take what these
 * hold, whichever of the two they are.
 */
async function planUpgrade({ config, order, migrator, tls }: Needs, { host, port }: Address): Promise<Reply> {
  const { username, password } = config.backend
  const { kind } = await probe({ host, port, username, password, tls: tls.servers }).catch((failure: Error) => {
    throw failure instanceof UserError ? new UserError(`${host}:${port} is no pattern: ${failure.message}`) : failure
  })
  const { view, links } = order.router
  const steps: Reply[] = []
  for (const member of present(view.members)) {
    const found = links.find(({ name }) => name === member.name)?.info?.kind
    if (found === undefined) throw new UserError(`${member.name} is not there: an upgrade begins with a whole ring`)
    const reason = cannotTake(kind, found)
    if (reason !== undefined) throw new UserError(`there is no way for ${member.name}: ${reason}`)
    if (nameOfKind(found) === nameOfKind(kind)) continue
    const others = view.wanted.filter((name) => name !== member.name)
    if (others.length === 0)
      throw new UserError(`${member.name} is the only member: nobody would keep its data meanwhile`)
    const { keys, bytes, seconds } = await forecast(order.router, present(view.members), others, migrator.speed)
    steps.push(
      map([
        ['member', member.name],
        ['from', nameOfKind(found)],
        ['to', nameOfKind(kind)],
        ['keys', keys],
        ['bytes', bytes],
        ['seconds', Math.ceil(seconds)],
      ]),
    )
  }
  return steps
}

async function plan(server: Needs, members: readonly Member[], wanted: readonly string[]): Promise<Reply> {
  const { order, migrator } = server
  return describeForecast(await forecast(order.router, members, wanted, migrator.speed))
}

function describeForecast(it: Forecast): Reply {
  return map([
    ['keys', it.keys],
    ['bytes', it.bytes],
    ['seconds', Math.ceil(it.seconds)],
    ['keys-mastered', it.mastered],
    ['share', double(rounded(it.share))],
    ['ideal-share', double(rounded(it.ideal))],
    ['counted', it.how],
    [
      'moves',
      it.moves.map(({ member, source, reason, ranges, keys, bytes }) =>
        map([
          ['member', member],
          ['source', source],
          ['reason', reason],
          ['ranges', ranges],
          ['keys', keys],
          ['bytes', bytes],
        ]),
      ),
    ],
  ])
}

function describeTold({ told, failed }: Told): (readonly [string, Reply])[] {
  return [
    ['sentinels', [...told]],
    ['sentinels-not-told', failed.map(({ sentinel, reason }) => `${sentinel}: ${reason}`)],
  ]
}

/** Whoever has failed is none of those among whom data could move. */
function present(members: readonly Member[]): Member[] {
  return members.filter(({ state }) => state !== 'gone')
}

function checkMember(members: readonly Member[], name: string): void {
  if (!members.some((member) => member.name === name)) throw new UserError(`${name} is no member of the ring`)
}

/** Nobody could take what it holds. */
function checkNotGone({ members, epoch }: View, name: string): void {
  if (members.find((member) => member.name === name)?.state !== 'gone') return
  throw new UserError(
    `${name} is down, and nobody who is there has what it holds: start it with its data; if that is lost, ` +
      `restart the proxy with --accept-epoch ${epoch} to go on without it`,
  )
}

function checkNewName({ config, membership }: Needs, name: string): void {
  const { masterPattern } = config.sentinel
  if (!namePattern(masterPattern)(name)) {
    throw new UserError(`members of this ring are called ${masterPattern} (sentinel.masterPattern), and not ${name}`)
  }
  // [Redis sentinel.c isValidMasterName]
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw new UserError('a name has only letters, digits, and . - _')
  if (membership.status().masters.some((master) => master.name === name)) {
    throw new UserError(`${name} is known already; see DT NODES`)
  }
}

/** Whether the server may become a member, before anybody is told of it [design §8 Join, Guard]. */
async function checkServer(
  { config, order, links, views, tls }: Needs,
  name: string,
  { host, port }: Address,
): Promise<void> {
  const { username, password } = config.backend
  const where = `${name} on ${host}:${port} cannot be a member: `
  const found = await probe({ host, port, username, password, tls: tls.servers }).catch((failure: Error) => {
    throw failure instanceof UserError ? new UserError(where + failure.message) : failure
  })
  const others = links.all().flatMap((link) => {
    if (link.info === undefined) return []
    const { runId, kind, marks } = link.info
    return [{ name: link.name, runId, kind, marks: decodeMarks(marks) }]
  })
  const members = others.filter((other) => views.current.members.some((member) => member.name === other.name))
  // A newcomer gives way to whoever is known already, whatever their names.
  const twin = others.find(({ runId }) => runId === found.runId)
  if (twin !== undefined) throw new UserError(`${where}it is the same server as ${twin.name}`)
  const few = tooFewDatabases(found.databases, order.databases)
  const refusal = refusalOf({ name, ...found }, config.ring.id, others) ?? few ?? tooOld(found.kind, members)
  if (refusal !== undefined) throw new UserError(where + refusal.reason)
}

/** @throws UserError when nobody can be called so */
function nameIn(bytes: Buffer): string {
  if (bytes.length > WORD_BYTES_MAX) throw new UserError(`no server has a name of ${bytes.length} bytes`)
  return bytes.toString()
}

/** @throws UserError when it is no `host:port` */
function addressIn(bytes: Buffer): Address {
  const text = bytes.toString('utf8', 0, WORD_BYTES_MAX)
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]\s]+)):([0-9]{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port < 1 || port > 65535) throw new UserError(`'${text}' is no host:port`)
  return { host: match[1] ?? match[2], port }
}

/** Of 1, with four digits. */
function rounded(share: number): number {
  return Math.round(share * 1e4) / 1e4
}
