import { parseInfo } from '../backend/handshake.js'
import type { Endpoint } from '../backend/single-connection.js'
import { distinct } from '../base/name-of.js'
import { UserError } from '../base/user-error.js'
import { bytesOf, elementsOf, textOf } from '../resp/decode.js'
import { isError } from '../resp/encode.js'
import { Conversation } from './conversation.js'
import type { KeySet } from './key-set.js'
import { isForNow, readPatiently } from './patience.js'
import { type Abilities, isElsewhere } from './values.js'

const SCAN_COUNT = '1000'

/** One Redis server from which data is copied: a source, or a master of a source that is a cluster. */
export class Node {
  private constructor(
    readonly endpoint: Endpoint,
    readonly server: Conversation,
    readonly abilities: Abilities,
    /** What of it has been copied; the nodes of a cluster have that together, because keys move between them. */
    readonly mine: KeySet,
    private readonly onlyDb: number | undefined,
  ) {}

  /** @throws UserError when it does not answer, or is no Redis server that can be copied from */
  static async open(endpoint: Endpoint, mine: KeySet, onlyDb: number | undefined): Promise<Node> {
    const server = await Conversation.open(endpoint, 'the source')
    const info = await infoOf(server)
    if (info.has('loading') && info.get('loading') !== '0') {
      throw new UserError(`${server.whom} is loading its data: try again when it has`)
    }
    const marker = await server.one('FUNCTION', 'LIST', 'LIBRARYNAME', 'dt_marker')
    if (!isError(marker) && (elementsOf(marker) ?? []).length > 0) {
      throw new UserError(`${server.whom} is a member of a ring: its keys are copied by adding it, or from the proxy`)
    }
    const abilities = {
      knowsDeadlines: await knows(server, 'PEXPIRETIME', 'a'),
      knowsSizes: await knows(server, 'MEMORY', 'USAGE', 'a'),
    }
    return new Node(endpoint, server, abilities, mine, onlyDb)
  }

  get isOld(): boolean {
    return !this.abilities.knowsDeadlines
  }

  /** Which databases have keys, and how many; only those that are meant. */
  async databases(): Promise<Map<number, number>> {
    const info = await infoOf(this.server)
    const all = [...info].flatMap(([name, value]): [number, number][] => {
      const db = /^db(\d+)$/.exec(name)
      return db === null ? [] : [[Number(db[1]), Number(/^keys=(\d+)/.exec(value)?.[1])]]
    })
    return new Map(all.filter(([db]) => this.isMeant(db)))
  }

  isMeant(db: number): boolean {
    return this.onlyDb === undefined || this.onlyDb === db
  }

  /** All keys of a database, in parts; one may come twice [Redis SCAN guarantees]. */
  keys(db: number): AsyncGenerator<Buffer[]> {
    return scan(this.server, db)
  }

  close(): void {
    this.server.close()
  }
}

async function knows(server: Conversation, ...command: string[]): Promise<boolean> {
  const reply = await server.one(...command)
  return !isError(reply) || isElsewhere(reply) || isForNow(reply)
}

export async function* scan(server: Conversation, db: number): AsyncGenerator<Buffer[]> {
  let cursor = '0'
  do {
    const [reply] = await readPatiently(server, db, [['SCAN', cursor, 'COUNT', SCAN_COUNT]])
    if (isError(reply)) throw new UserError(`${server.whom} does not list its keys: ${reply.message}`)
    const [next = null, found = null] = elementsOf(reply) ?? []
    cursor = textOf(next) ?? '0'
    const keys = distinct((elementsOf(found) ?? []).flatMap((item) => bytesOf(item) ?? []))
    if (keys.length > 0) yield keys
  } while (cursor !== '0')
}

/** @throws UserError when it has none */
export async function infoOf(server: Conversation): Promise<Map<string, string>> {
  const reply = await server.one('INFO')
  if (isError(reply)) throw new UserError(`${server.whom} does not answer INFO: ${reply.message}`)
  return parseInfo(textOf(reply) ?? '')
}
