import t from 'tap'
import type { PeersSeen } from '../../src/client/forwarding.js'
import type { Peer } from '../../src/client/peer.js'
import { announcedTo, toldTo, whereaboutsOf } from '../../src/client/whereabouts.js'
import { type ConfigInput, loadConfig } from '../../src/config/config.js'

/* What clients are told who ask where a proxy is, in cases that are no story of their own. */

const PASSWORD = 'known to all proxies of the ring'
const config = (overrides: ConfigInput) => loadConfig({ env: {}, overrides })
const of = (overrides: ConfigInput, port = 6380, tlsPort = 0) => whereaboutsOf(config(overrides), { port, tlsPort })

t.test('a proxy says of itself an address that others can connect to', async (t) => {
  t.same(of({}), { clients: '127.0.0.1:6380', tls: '' })
  t.same(of({ listen: { host: '10.0.0.1 127.0.0.1' } }, 7000), { clients: '10.0.0.1:7000', tls: '' })
  const wide = { listen: { host: '0.0.0.0' }, peers: { port: 6390, host: '10.0.0.1', password: PASSWORD } }
  t.same(of(wide), { clients: '10.0.0.1:6380', tls: '' }, 'that of the peers is one of this machine')
  t.same(of({ listen: { host: '*' } }), { clients: '127.0.0.1:6380', tls: '' }, 'and without peers nobody asks')
  const announced = { ...wide, listen: { ...wide.listen, announceHost: 'dt.example.org', announcePort: 16380 } }
  t.same(of(announced, 6380, 6381), { clients: 'dt.example.org:16380', tls: 'dt.example.org:6381' })
  t.same(of({}, 0, 6381), { clients: '127.0.0.1:6381', tls: '127.0.0.1:6381' }, 'there is TLS alone')
  t.same(of({ listen: { host: 'fd00::1' } }), { clients: '[fd00::1]:6380', tls: '' })
})

t.test('a client is told the address at which it came in, or what is announced', async (t) => {
  const peer = { address: '10.0.0.9:4711', localAddress: '10.0.0.1:6380' }
  const { listen } = config({})
  t.same(announcedTo(peer, false, listen), { ...peer, isSecure: false })
  const both = { ...listen, announceHost: 'dt.example.org', announcePort: 16380 }
  t.equal(announcedTo(peer, false, both).announced, 'dt.example.org:16380')
  t.equal(announcedTo(peer, true, both).announced, 'dt.example.org:6380', 'the port is that of plain connections')
  t.equal(announcedTo(peer, false, { ...listen, announceHost: 'fd00::1' }).announced, '[fd00::1]:6380')
  t.equal(announcedTo(peer, false, { ...listen, announcePort: 7000 }).announced, '10.0.0.1:7000')
  const unix = { address: '/run/dt.sock:0', localAddress: '/run/dt.sock:0' }
  t.equal(announcedTo(unix, false, both).announced, undefined, 'a Unix socket is no address for others')
})

const OWN: PeersSeen = {
  where: 'here',
  clients: '10.0.0.1:6380',
  tls: '10.0.0.1:6381',
  address: '10.0.0.1:6390',
  fronts: [],
  owner: undefined,
}
const FRONT = {
  ...{ run: 'front', where: 'there', clients: '10.0.0.2:6380', tls: '', address: '10.0.0.2:4711' },
  ...{ connected: 1, sinceMs: 0 },
}
const OWNER = { run: 'owner', address: '10.0.0.3:6390', fault: 'it is not reached', connected: 0, isReached: false }

interface State {
  readonly peers?: Partial<PeersSeen>
  readonly isDraining?: boolean
  readonly isRefused?: boolean
}

function told(peer: Partial<Peer>, { peers = {}, isDraining = false, isRefused = false }: State = {}) {
  const whole = { address: '10.0.0.9:4711', localAddress: '192.168.0.1:6380', ...peer }
  const parts = { clients: { isDraining }, order: { opening: { refusal: isRefused ? 'no' : undefined } } }
  const server = { ...parts, runId: 'own', config: config({}), peers: () => ({ ...OWN, ...peers }) }
  return toldTo({ peer: whole }, server as unknown as Parameters<typeof toldTo>[1])
}

const shown = ({ run, host, port, isReady }: ReturnType<typeof told>['named']) =>
  `${run} ${host}:${port}${isReady ? '' : ' down'}`

t.test('the proxy that is asked is named, whoever it is, and the others are listed', async (t) => {
  const alone = told({})
  t.equal(shown(alone.named), 'own 192.168.0.1:6380')
  t.same(alone.others, [])
  const peers = { fronts: [FRONT] }
  t.equal(shown(told({}, { peers }).named), 'own 192.168.0.1:6380')
  t.same(told({}, { peers }).others.map(shown), ['front 10.0.0.2:6380'])
  const byFront = told({ localAddress: '192.168.0.2:6380', front: 'front' }, { peers })
  t.equal(shown(byFront.named), 'front 192.168.0.2:6380')
  t.same(byFront.others.map(shown), ['own 10.0.0.1:6380'])
  const unix = { address: '/run/dt.sock:0', localAddress: '/run/dt.sock:0' }
  t.equal(shown(told(unix).named), 'own 10.0.0.1:6380', 'who came by a Unix socket is told where others connect')
})

t.test('who came by TLS is told where TLS is spoken, where somebody says so', async (t) => {
  const peers = { fronts: [FRONT, { ...FRONT, run: 'secure', tls: '10.0.0.4:6381' }] }
  t.same(told({ isSecure: true }, { peers }).others.map(shown), ['front 10.0.0.2:6380', 'secure 10.0.0.4:6381'])
})

t.test('one that does not serve names another one that does, and itself as down when there is none', async (t) => {
  const peers = { fronts: [FRONT] }
  t.equal(shown(told({}, { peers, isDraining: true }).named), 'front 10.0.0.2:6380')
  t.equal(shown(told({}, { isDraining: true }).named), 'own 192.168.0.1:6380 down')
  t.equal(shown(told({}, { isRefused: true }).named), 'own 192.168.0.1:6380 down')
  t.equal(shown(told({}, { peers, isRefused: true }).named), 'own 192.168.0.1:6380 down', 'its fronts do not, either')
  const front = { peers: { owner: { ...OWNER, clients: '', tls: '' } }, isRefused: true }
  t.equal(shown(told({}, front).named), 'own 192.168.0.1:6380 down', 'it has never reached the owner')
  const cut = { peers: { owner: { ...OWNER, clients: '10.0.0.3:6380', tls: '' } }, isRefused: true }
  t.equal(shown(told({}, cut).named), 'owner 10.0.0.3:6380', 'it does not reach the owner any more')
})
