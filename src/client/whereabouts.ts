import { addressIn } from '../base/address-text.js'
import { bindAddresses, hostToAsk, isEvery } from '../base/bind-addresses.js'
import type { Config } from '../config/config.js'
import type { Connection } from './connection.js'
import type { ListenAddress } from './doors.js'
import type { Whereabouts } from './forwarding.js'
import { hostPort, isUnix, type Peer } from './peer.js'
import type { Server } from './server.js'

/*
 * Where the proxies of the ring are, as clients are told who ask one of them as if it were a Sentinel [design §9 Asking for a proxy].
 *
 *     which address is answered?    that at which the client has reached the proxy that it asks: it serves every key, and the client can
 *                                   connect there, whatever lies between; or listen.announceHost and announcePort
 *     … when that is not ready      another one's, which has said itself where clients of it connect
 *     … when nobody is              the same as at first, which is said to be down; by get-master-addr-by-name nobody
 */

/** What of the server tells where proxies are. */
export type KnowsProxies = Pick<Server, 'clients' | 'config' | 'order' | 'peers' | 'runId'>
type Listen = Pick<Config['listen'], 'host' | 'announceHost' | 'announcePort'>

/** A proxy, as one client is told of it. */
export interface Place {
  readonly run: string
  readonly host: string
  readonly port: number
  /** Whether clients are served there, as far as is known. */
  readonly isReady: boolean
}

/** What a client is told that asks for a proxy. */
export interface Told {
  /** The one to which it is connected. */
  readonly asked: Place
  /** The one to which it should connect. */
  readonly named: Place
  /** All but the one that is asked. */
  readonly others: readonly Place[]
}

/** A client that has come in is told that it came in where the settings say. */
export function announcedTo(peer: Peer, isSecure: boolean, { announceHost, announcePort }: Listen): Peer {
  const at = addressIn(peer.localAddress)
  if (at === undefined || isUnix(peer) || (announceHost ?? announcePort) === undefined) return { ...peer, isSecure }
  const port = isSecure ? at.port : (announcePort ?? at.port)
  return { ...peer, isSecure, announced: hostPort(announceHost ?? at.host, port) }
}

/** Where clients of this proxy connect, for others to say. An address that means all of them is none; that of the peers is one of its own. */
export function whereaboutsOf(
  { listen, peers }: { readonly listen: Listen; readonly peers: Config['peers'] },
  { port, tlsPort }: Pick<ListenAddress, 'port' | 'tlsPort'>,
): Whereabouts {
  const isWide = bindAddresses(listen.host).some(({ host }) => isEvery(host))
  const isKnown = isWide && peers.port !== undefined
  const host = listen.announceHost ?? (isKnown ? (peers.announceHost ?? peers.host) : hostToAsk(listen.host))
  const tls = tlsPort === 0 ? '' : hostPort(host, tlsPort)
  return { clients: port === 0 ? tls : hostPort(host, listen.announcePort ?? port), tls }
}

/** Which proxies a client is told of, and to which it should connect. */
export function toldTo({ peer }: Pick<Connection, 'peer'>, server: KnowsProxies): Told {
  const { fronts, owner, ...own } = server.peers()
  const { isDraining } = server.clients
  // While commands wait for the ring, those of whoever connects now do, too.
  const { refusal, givenUp } = server.order.opening
  const isServing = refusal === undefined && givenUp === undefined
  const isSecure = peer.isSecure === true
  const self = placeOf({ run: server.runId, ...own }, isSecure, isServing && !isDraining)
  const all = [
    self,
    // Their clients stay when the owner stops in order, and are served by who comes next.
    ...fronts.map((front) => placeOf(front, isSecure, isServing)),
    ...(owner === undefined || owner.clients === '' ? [] : [placeOf(owner, isSecure, true)]),
  ]
  const there = all.find(({ run }) => run === peer.front) ?? self
  const asked = { ...there, ...reachedAt(peer) }
  const others = all.filter((each) => each !== there)
  const named = asked.isReady ? asked : (others.find(({ isReady }) => isReady) ?? asked)
  return { asked, named, others }
}

/** Where a client is told that a proxy is, which may be gone. */
export function placeOf(
  { run, clients, tls }: Whereabouts & { readonly run: string },
  isSecure: boolean,
  isReady: boolean,
): Place {
  return { run, isReady, ...addressOf(isSecure && tls !== '' ? tls : clients) }
}

/** Where a client has come in, if by a network. */
function reachedAt(peer: Peer): Pick<Place, 'host' | 'port'> | undefined {
  return isUnix(peer) ? undefined : addressOf(peer.announced ?? peer.localAddress)
}

function addressOf(text: string): Pick<Place, 'host' | 'port'> {
  return addressIn(text) ?? { host: text, port: 0 }
}
