import { DT_HELP, helpReply } from '../../command/help.js'
import { countKeysByMaster } from '../../order/key-count.js'
import { double, KeptReply, map, type Reply } from '../../resp/encode.js'
import { groupOfKey, identifierOfKey } from '../../ring/identifier.js'
import { CIRCLE_SIZE, rangeSize } from '../../ring/token-range.js'
import { pendingRanges, shareMastered } from '../../view/share.js'
import type { Member, View } from '../../view/view.js'
import { remarkOn } from '../member-lack.js'
import type { RecentEvents } from '../recent-events.js'
import type { Server } from '../server.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'keeper' | 'links' | 'membership' | 'order' | 'outvoted' | 'recentEvents' | 'views'>

/** DT …: the ring, for people with redis-cli. Maps in RESP3, fields and values in turn in RESP2. */
export const dtCommands: Record<string, LocalCommand<Needs>> = {
  'dt|events': (_client, _args, { recentEvents }) => events(recentEvents),
  'dt|help': () => helpReply('dt', DT_HELP),
  'dt|locate': (_client, args, { views }) => locate(views.current, args[2]),
  'dt|nodes': (_client, _args, server) => nodes(server),
  'dt|ring': (_client, _args, { views }) => ring(views.current),
  'dt|view': (_client, _args, server) => describeView(server),
}

/** DT NODES: every server that the Sentinels know, whether or not it is in the ring now. */
async function nodes(server: Needs): Promise<Reply> {
  const { router } = server.order
  const { view } = router
  const { how, byMaster } = await countKeysByMaster(router)
  const { masters, ignored } = server.membership.status()
  const gone = ignored.map(({ name, host, port, sentinels }) => {
    const why = `it was removed, and ${sentinels.join(', ')} still monitors it; dt add brings it back`
    return { name, host, port, link: 'idle', why }
  })
  return [...masters, ...gone].map(({ name, host, port, link, why }, i) => {
    const member = view.members.find((each) => each.name === name)
    const held = server.links.get(name)
    return map([
      ['name', name],
      ['address', `${host}:${port}`],
      ['state', member?.state ?? (i < masters.length ? 'out' : 'removed')],
      ['why', why || remarkOn(server, name)],
      ['link', link],
      ['server', held?.info?.kind.product.toLowerCase() ?? ''],
      ['version', held?.info?.kind.version ?? ''],
      ['share', fraction(shareMastered(view, name))],
      ['keys-mastered', byMaster.get(name) ?? 0],
      ['keys-counted', how],
    ])
  })
}

/** DT EVENTS: what happened to the ring since the proxy began, the latest first. */
function events({ all }: RecentEvents): Reply {
  return all.map(({ at, text }) =>
    map([
      ['at', at],
      ['what', text],
    ]),
  )
}

/** Long, and the same for all who ask of one view. */
const ringOfView = new WeakMap<View, KeptReply>()

/** DT RING: the token ranges (from, to] clockwise, each with its replica set, the master first. */
function ring(view: View): Reply {
  const known = ringOfView.get(view) ?? new KeptReply(rangesOf(view))
  ringOfView.set(view, known)
  return known
}

function rangesOf({ ring, setOfRange }: View): Reply {
  return ring.ranges().map((range, i) => {
    const { natural, pending } = setOfRange[i]
    return map([
      ['from', range.from],
      ['to', range.to],
      ['share', fraction(rangeSize(range) / CIRCLE_SIZE)],
      ['replicas', natural.map(({ name }) => name)],
      ...(pending.length === 0 ? [] : [['pending', pending.map(({ name }) => name)] as const]),
    ])
  })
}

/** DT LOCATE key: where a key lives; the hash tag decides when it has one, else its group. */
function locate(view: View, key: Buffer): Reply {
  const identifier = identifierOfKey(key, 0, key.length)
  const group = groupOfKey(key)
  const index = view.ring.rangeOf(identifier)
  const { natural, pending } = view.setOfRange[index]
  const replica = ({ name, host, port, state }: Member, role: string) =>
    map([
      ['name', name],
      ['address', `${host}:${port}`],
      ['role', role],
      ['state', state],
    ])
  return map([
    ['key', key],
    ...(group < 0 ? [] : [['group', key.subarray(0, group)] as const]),
    ['identifier', identifier],
    // A ring without members has no token.
    ['token', view.ring.size === 0 ? null : view.ring.range(index).to],
    [
      'replicas',
      [
        ...natural.map((member, i) => replica(member, i === 0 ? 'master' : 'backup')),
        ...pending.map((member) => replica(member, 'pending')),
      ],
    ],
  ])
}

/** DT VIEW: what the proxy works with at this moment. */
function describeView({ views, order }: Needs): Reply {
  const view = views.current
  return map([
    ['ring', view.ringId],
    ['epoch', view.epoch],
    ['replicas', view.replicas],
    ['copies', Math.min(view.replicas + 1, view.members.length)],
    ['virtual-nodes', view.virtualNodes],
    ['key-groups', [...view.keyGroups]],
    ['token-ranges', view.ring.size],
    ['pending-ranges', pendingRanges(view)],
    ['members', view.members.map(({ name }) => name)],
    ['serving', order.opening.isOpen ? 1 : 0],
    ['why', order.opening.why()],
  ])
}

/** Of 1, with four digits: enough to see, short enough to read. */
function fraction(value: number): Reply {
  return double(Math.round(value * 1e4) / 1e4)
}
