import { helpReply, SENTINEL_HELP } from '../../command/help.js'
import { error, map, nullArray, type Reply, simple } from '../../resp/encode.js'
import type { Connection } from '../connection.js'
import type { Server } from '../server.js'
import { type Place, type Told, toldTo } from '../whereabouts.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'clients' | 'config' | 'order' | 'peers' | 'runId'>

/*
 * Every proxy can be asked for one as if it were a Sentinel, and the ring a master that it monitors, by the ring's name. The shapes and
 * texts of the answers are those of a Sentinel [Redis sentinel.c sentinelCommand].
 */

const NO_SUCH = error('ERR No such master with that name')

export const sentinelCommands: Record<string, LocalCommand<Needs>> = {
  'sentinel|ckquorum': ofRing(checkQuorum),
  'sentinel|get-master-addr-by-name': ofRing(address, nullArray),
  'sentinel|help': () => helpReply('sentinel', SENTINEL_HELP),
  'sentinel|master': ofRing(master),
  'sentinel|masters': (client, _args, server) => [master(toldTo(client, server), server)],
  'sentinel|myid': (client, _args, server) => toldTo(client, server).asked.run,
  'sentinel|replicas': ofRing(() => []),
  'sentinel|sentinels': ofRing(({ others }) => others.map(sentinel)),
  'sentinel|slaves': ofRing(() => []),
}

/** Of the ring that is named; of others nothing is known. */
function ofRing(answer: (told: Told, server: Needs) => Reply, unknown: Reply = NO_SUCH): LocalCommand<Needs> {
  return (client: Connection, args, server) =>
    args[2].equals(Buffer.from(server.config.ring.id)) ? answer(toldTo(client, server), server) : unknown
}

/**
 * SENTINEL GET-MASTER-ADDR-BY-NAME ring. Where nobody is known who serves it is answered as by a Sentinel that does not know the name: most
 * libraries look at no flags, and ask the next one then.
 */
function address({ named: { host, port, isReady } }: Told): Reply {
  return isReady ? [host, String(port)] : nullArray
}

/** SENTINEL CKQUORUM ring: one proxy that serves it is enough. */
function checkQuorum({ asked, others }: Told): Reply {
  const usable = [asked, ...others].filter(({ isReady }) => isReady).length
  return usable > 0
    ? simple(`OK ${usable} usable Sentinels. Quorum and failover authorization can be reached`)
    : error(
        'NOQUORUM 0 usable Sentinels. Not enough available Sentinels to reach the specified quorum for this master. Not enough available Sentinels to reach the majority and authorize a failover',
      )
}

/** SENTINEL MASTER ring. No Sentinel watches the proxies: what it would measure is 0, and what it is configured with is as by default. */
function master({ named, others }: Told, { config }: Needs): Reply {
  return instance(config.ring.id, named, 'master', [
    ['info-refresh', '0'],
    ['role-reported', 'master'],
    ['role-reported-time', '0'],
    ['config-epoch', '0'],
    ['num-slaves', '0'],
    ['num-other-sentinels', String(others.length)],
    ['quorum', '1'],
    ['failover-timeout', '180000'],
    ['parallel-syncs', '1'],
  ])
}

/** One element of the answer to SENTINEL SENTINELS ring. */
function sentinel(place: Place): Reply {
  return instance(place.run, place, 'sentinel', [
    ['last-hello-message', '0'],
    ['voted-leader', '?'],
    ['voted-leader-epoch', '0'],
  ])
}

/** [Redis sentinel.c addReplySentinelRedisInstance] */
function instance(
  name: string,
  { run, host, port, isReady }: Place,
  kind: string,
  more: readonly (readonly [string, string])[],
): Reply {
  const down: readonly (readonly [string, string])[] = isReady ? [] : [['s-down-time', '0']]
  return map([
    ['name', name],
    ['ip', host],
    ['port', String(port)],
    ['runid', run],
    ['flags', isReady ? kind : `s_down,${kind}`],
    ['link-pending-commands', '0'],
    ['link-refcount', '1'],
    ['last-ping-sent', '0'],
    ['last-ok-ping-reply', '0'],
    ['last-ping-reply', '0'],
    ...down,
    ['down-after-milliseconds', '30000'],
    ...more,
  ])
}
