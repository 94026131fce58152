import { setTimeout as sleep } from 'node:timers/promises'
import { parseInfo } from '../../backend/handshake.js'
import type { Link } from '../../backend/link.js'
import { integerOf, textOf } from '../../resp/decode.js'
import { error, isError, type Reply, simple } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { allDid, askEach, askOne, merged } from './every-member.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'order'>

/** Each server has its own data on its own disk: what is asked for is asked of all. */
export const persistenceCommands: Record<string, LocalCommand<Needs>> = {
  bgrewriteaof: (_client, args, server) => begun(server, args),
  bgsave: (_client, args, server) => begun(server, args),
  lastsave: (_client, args, server) =>
    merged(server, args, (times) => Math.min(...times.map((at) => integerOf(at) ?? 0))),
  save: (_client, _args, server) => save(server),
}

/** Something that the members do in the background: that it is scheduled as long as it has not begun everywhere. */
async function begun(server: Needs, args: readonly Buffer[]): Promise<Reply> {
  const answers = await askEach(server, args)
  const failure = allDid(answers, 'it')
  if (failure !== undefined) return failure
  const replies = answers.map(({ reply }) => reply as Reply)
  return replies.find((reply) => /scheduled/.test(textOf(reply) ?? '')) ?? replies[0]
}

const LOOK_MS = 100
/** After so many looks at a server that saves nothing it will not begin any more: it tries again within five seconds. */
const IDLE_LOOKS_MAX = 100
const NOT_SAVED = error('ERR it has not saved, and its log says why')

/** SAVE: what is there now is on all disks when it is answered, and clients are served meanwhile. */
async function save(server: Needs): Promise<Reply> {
  const answers = await Promise.all(server.order.router.links.map(async (link) => ({ link, reply: await saved(link) })))
  return allDid(answers, 'it') ?? simple('OK')
}

/** Undefined when the member is lost. */
async function saved(link: Link): Promise<Reply | undefined> {
  const before = await saving(link)
  const begun = before && (await askOne(link, ['BGSAVE', 'SCHEDULE']))
  if (before === undefined || begun === undefined || isError(begun)) return begun
  for (let idleLooks = 0; idleLooks < IDLE_LOOKS_MAX; ) {
    await sleep(LOOK_MS)
    const now = await saving(link)
    if (now === undefined) return undefined
    if (now.begun > before.begun && !now.saves) return now.isOk ? simple('OK') : NOT_SAVED
    idleLooks = now.isBusy ? 0 : idleLooks + 1
  }
  return NOT_SAVED
}

interface Saving {
  /** How many saves it has begun since its start. */
  readonly begun: number
  readonly saves: boolean
  /** It saves, or does what a save that is scheduled waits for. */
  readonly isBusy: boolean
  /** What became of its last save. */
  readonly isOk: boolean
}

/** What a member says of its saves; undefined when it does not answer. */
async function saving(link: Link): Promise<Saving | undefined> {
  const reply = await askOne(link, ['INFO', 'persistence'])
  if (reply === undefined || isError(reply)) return undefined
  const fields = parseInfo(textOf(reply) ?? '')
  const saves = fields.get('rdb_bgsave_in_progress') === '1'
  return {
    begun: Number(fields.get('rdb_saves')),
    saves,
    isBusy: saves || fields.get('aof_rewrite_in_progress') === '1',
    isOk: fields.get('rdb_last_bgsave_status') === 'ok',
  }
}
