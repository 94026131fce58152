import type { Whereabouts } from './forwarding.js'
import type { Server } from './server.js'
import { type KnowsProxies, type Place, placeOf, type Told, toldTo } from './whereabouts.js'

/*
 * What a Sentinel publishes when something changes, for clients that listen to it: each is told in the words that he would get if he
 * asked, so that they are not published, but told to one after the other.
 */

/** What of the server there is to tell it. */
type Needs = KnowsProxies & Pick<Server, 'clients'>
type Proxy = Whereabouts & { readonly run: string }

/** There is another proxy that can be asked. */
export function tellJoined(server: Needs, proxy: Proxy): void {
  tell(server, proxy, (told, place, ring) => [['+sentinel', ofSentinel(told, place, ring)]])
}

/** Nobody should connect to that proxy any more. */
export function tellGone(server: Needs, proxy: Proxy): void {
  tell(server, proxy, (told, place, ring) => {
    const { named } = told
    const words = [ring, place.host, place.port, named.host, named.port]
    const isOther = named.isReady && named.run !== place.run
    return [
      ['+sdown', ofSentinel(told, place, ring)],
      ...(isOther ? ([['+switch-master', words.join(' ')]] as const) : []),
    ]
  })
}

function ofSentinel({ named }: Told, { run, host, port }: Place, ring: string): string {
  return `sentinel ${run} ${host} ${port} @ ${ring} ${named.host} ${named.port}`
}

/** Tells those who listen what `news` makes of it: texts, each with its channel. */
function tell(
  server: Needs,
  proxy: Proxy,
  news: (told: Told, place: Place, ring: string) => readonly (readonly [channel: string, text: string])[],
): void {
  for (const client of server.clients.all()) {
    const { subscriber } = client.session
    if (subscriber === undefined) continue
    const told = toldTo(client, server)
    const place = told.asked.run === proxy.run ? told.asked : placeOf(proxy, client.peer.isSecure === true, false)
    for (const [channel, text] of news(told, place, server.config.ring.id)) {
      subscriber.tell(Buffer.from(channel), Buffer.from(text))
    }
  }
}
