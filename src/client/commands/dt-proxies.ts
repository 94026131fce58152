import { map, type Reply } from '../../resp/encode.js'
import { clientsOfAll } from '../forwarding.js'
import type { Server } from '../server.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'clients' | 'order' | 'peers' | 'runId'>

export const proxiesCommands: Record<string, LocalCommand<Needs>> = {
  'dt|proxies': (_client, _args, server) => proxies(server),
}

/** DT PROXIES: the owner of the ring, and its fronts, as the proxy that is asked knows them: a front sends the question on to the owner. */
function proxies({ clients, order, peers, runId }: Needs): Reply {
  const { where, clients: comeTo, address = '', fronts, owner } = peers()
  const isFront = owner !== undefined
  return [
    ...(owner === undefined || owner.run === ''
      ? []
      : [row('owner', owner.run, '', '', owner.address ?? '', 0, owner.fault)]),
    row(
      isFront ? 'front' : 'owner',
      runId,
      where,
      comeTo,
      address,
      isFront ? owner.connected : clients.count - clientsOfAll(fronts),
      order.opening.why(),
    ),
    ...fronts.map((front) => row('front', front.run, front.where, front.clients, front.address, front.connected, '')),
  ]
}

function row(
  role: 'owner' | 'front',
  run: string,
  where: string,
  clients: string,
  peer: string,
  connected: number,
  why: string,
): Reply {
  return map([
    ['role', role],
    ['run', run],
    ['where', where],
    ['clients', clients],
    ['peer', peer],
    ['connected', connected],
    ['why', why],
  ])
}
