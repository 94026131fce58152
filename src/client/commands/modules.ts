import { elementsOf, integerOf, textOf } from '../../resp/decode.js'
import type { Reply } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { entriesOf, merged } from './every-member.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'order'>

/** MODULE LIST: what commands of modules can be served with, which is what all members have. */
export const moduleCommands: Record<string, LocalCommand<Needs>> = {
  'module|list': (_client, args, server) => merged(server, args, ofAll),
}

function ofAll(replies: readonly Reply[]): Reply {
  const lists = replies.map((reply) => new Map((elementsOf(reply) ?? []).map((module) => [nameOf(module), module])))
  return [...lists[0]].flatMap(([name]) => {
    const those = lists.flatMap((list) => list.get(name) ?? [])
    if (those.length < lists.length) return []
    return [those.reduce((one, other) => (versionOf(other) < versionOf(one) ? other : one))]
  })
}

const field = (module: Reply, name: string) => new Map(entriesOf(module)).get(name)
const nameOf = (module: Reply) => textOf(field(module, 'name') ?? '') ?? ''
const versionOf = (module: Reply) => integerOf(field(module, 'ver') ?? 0) ?? 0
