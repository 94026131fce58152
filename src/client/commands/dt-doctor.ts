import { parseInfo } from '../../backend/handshake.js'
import { nameOfKind } from '../../backend/server-kind.js'
import { isWide } from '../../base/bind-addresses.js'
import { monitoringExposed } from '../../config/exposed.js'
import { textOf } from '../../resp/decode.js'
import { map } from '../../resp/encode.js'
import { missedByUnserved, unservedRanges } from '../../view/share.js'
import { isOpenToAll } from '../protected-mode.js'
import { isReachedBy } from '../reached.js'
import type { Server } from '../server.js'
import { diagnose, type Facts, type MemberFacts } from './diagnose.js'
import { askOne, entriesOf } from './every-member.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<
  Server,
  'acl' | 'config' | 'links' | 'membership' | 'order' | 'sentinels' | 'stateFileFault' | 'stats' | 'views'
>

/** DT DOCTOR: what is wrong with the ring, or unwise, and what to do, the worst first; empty when all is well. */
export const doctorCommands: Record<string, LocalCommand<Needs>> = {
  'dt|doctor': async (_client, _args, server) => {
    return diagnose(await factsOf(server)).map(({ level, what, todo }) => {
      return map([
        ['level', level],
        ['what', what],
        ['do', todo],
      ])
    })
  },
}

async function factsOf(server: Needs): Promise<Facts> {
  const { order, membership, config, sentinels, views } = server
  const { masters, sentinels: known } = membership.status()
  const told = await sentinels.monitored()
  const { admin, peers, tls } = config
  return {
    copiesWanted: views.current.replicas + 1,
    notServing: order.opening.why(),
    refusedForMs: server.stats.sinceUnavailableMs,
    unserved: {
      ranges: unservedRanges(views.current, isReachedBy(server)),
      holders: missedByUnserved(views.current, isReachedBy(server)),
      epoch: views.current.epoch,
    },
    hasStateFile: config.ring.stateFile !== 'none',
    stateFileFault: server.stateFileFault(),
    openToAll: isOpenToAll(server),
    monitoringExposed: monitoringExposed(admin, admin.host),
    peersInTheClear: tls.port !== 0 && peers.port !== undefined && peers.tls === 'no' && isWide(peers.host),
    members: await Promise.all(masters.map((master) => memberFacts(server, master))),
    sentinels: known.map(({ address, error, reachable }) => ({
      address,
      error: reachable ? '' : error || 'it has not answered',
      monitored: told.get(address) ?? new Map(),
    })),
  }
}

async function memberFacts(
  server: Needs,
  master: { name: string; host: string; port: number; why: string },
): Promise<MemberFacts> {
  const { name, host, port, why } = master
  const link = server.links.get(name)
  const [settings, info] =
    link === undefined
      ? []
      : await Promise.all([
          askOne(link, ['CONFIG', 'GET', 'maxmemory', 'save', 'appendonly']),
          askOne(link, ['INFO', 'everything']),
        ])
  const of = new Map(entriesOf(settings).map(([setting, value]) => [setting, textOf(value) ?? '']))
  const fields = parseInfo(textOf(info ?? '') ?? '')
  const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text))
  return {
    ...{ name, host, port, why, isMember: server.views.current.members.some((member) => member.name === name) },
    version: link?.info === undefined ? '' : nameOfKind(link.info.kind),
    maxMemory: numberOf(of.get('maxmemory')),
    usedMemory: numberOf(fields.get('used_memory')),
    isSaved: of.size === 0 ? undefined : of.get('save') !== '' || of.get('appendonly') === 'yes',
    saveFailed: ['rdb_last_bgsave_status', 'aof_last_bgrewrite_status', 'aof_last_write_status'].some((field) => {
      return fields.get(field) === 'err'
    }),
    clockOffsetMs: link?.clockOffsetMs ?? 0,
  }
}
