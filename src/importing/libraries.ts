import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../base/user-error.js'
import { bytesOf, elementsOf, fieldOf } from '../resp/decode.js'
import { isError } from '../resp/encode.js'
import type { Command, Conversation } from './conversation.js'
import type { KeySet } from './key-set.js'
import { infoOf, type Node } from './node.js'
import { isForNow, PATIENCE_MS, PAUSE_MS, readPatiently } from './patience.js'
import type { Tally } from './tally.js'

const NOT_THERE = /Library not found/
/** A server before Redis 7.0, or one that has the command taken away. */
const UNKNOWN = /^ERR unknown command/

/** A library that this import has put into the ring, or has found there as it is at the source. */
interface Kept {
  readonly code: Buffer
  /** The keys of its source: the nodes of a cluster have them together, and are one source. */
  readonly source: KeySet
}

/** Names of libraries, by what is the matter with them. */
export interface LibraryDifferences {
  /** The ring has another text, which is not this import's to replace. */
  readonly conflicts: readonly string[]
  /** They were changed after they were copied. */
  readonly changed: readonly string[]
  /** Sources that do not let us see theirs, and why. */
  readonly unread: readonly string[]
}

/**
 * The libraries of functions, which Redis has from 7.0 on. One that the ring has with another text is left, unless this import has put it
 * there, or the operator wants it replaced; what another source has put there stays. One that a source deletes is deleted in the ring as
 * long as that has the same.
 */
export class Libraries {
  private readonly kept = new Map<string, Kept>()
  /** Who has shown them to us. */
  private readonly shown = new Set<Conversation>()
  /** Who does not, and what it says instead. */
  private readonly hidden = new Map<Conversation, string>()

  constructor(
    private readonly nodes: readonly Node[],
    private readonly ring: Conversation,
    private readonly replace: boolean,
    private readonly tally: Tally,
  ) {}

  /**
   * What the sources have now.
   *
   * @throws UserError when the ring does not take one
   */
  async copy(): Promise<void> {
    const theirs = await this.atSources()
    if (theirs.length === 0 && this.kept.size === 0) return
    const ours = await this.librariesOf(this.ring)
    // First: another library may have their functions by now.
    for (const [name, { code, source }] of this.kept) {
      if (theirs.some((library) => library.name === name && library.source === source)) continue
      if (ours.get(name)?.equals(code)) await this.delete(name)
      ours.delete(name)
      this.kept.delete(name)
    }
    for (const { name, code, source } of theirs) {
      const kept = this.kept.get(name)
      const other = ours.get(name)
      if (other?.equals(code) !== true) {
        if (other !== undefined && !this.mayReplace(name, source)) continue
        await this.load(name, code, other !== undefined)
        if (kept === undefined) this.tally.libraries++
        ours.set(name, code)
      }
      if (kept === undefined || kept.source === source) this.kept.set(name, { code, source })
    }
  }

  /** What the ring has not as a source has it. */
  async compare(): Promise<LibraryDifferences> {
    const theirs = await this.atSources()
    const ours =
      theirs.length === 0 && this.kept.size === 0 ? new Map<string, Buffer>() : await this.librariesOf(this.ring)
    const differing = theirs.filter(({ name, code }) => ours.get(name)?.equals(code) !== true)
    const isConflict = (name: string, source: KeySet) => ours.has(name) && !this.mayReplace(name, source)
    const names = (libraries: readonly { readonly name: string }[]) => [...new Set(libraries.map(({ name }) => name))]
    const deleted = [...this.kept]
      .filter(([name, { code }]) => ours.get(name)?.equals(code) && !theirs.some((library) => library.name === name))
      .map(([name]) => ({ name }))
    return {
      conflicts: names(differing.filter(({ name, source }) => isConflict(name, source))),
      changed: names([...differing.filter(({ name, source }) => !isConflict(name, source)), ...deleted]),
      unread: [...this.hidden].map(([server, reason]) => `${server.whom}: ${reason}`),
    }
  }

  /** The nodes of a cluster may have it each; what the first one has counts. */
  private async atSources(): Promise<{ name: string; code: Buffer; source: KeySet }[]> {
    const found: { name: string; code: Buffer; source: KeySet }[] = []
    for (const { server, mine } of this.nodes) {
      for (const [name, code] of await this.librariesOf(server)) {
        const isThere = found.some((library) => library.name === name && library.source === mine)
        if (!isThere) found.push({ name, code, source: mine })
      }
    }
    return found
  }

  private mayReplace(name: string, source: KeySet): boolean {
    const kept = this.kept.get(name)
    return kept === undefined ? this.replace : kept.source === source
  }

  private async load(name: string, code: Buffer, isThere: boolean): Promise<void> {
    const again = ['FUNCTION', 'LOAD', 'REPLACE', code]
    await this.tell(name, isThere ? again : ['FUNCTION', 'LOAD', code], again)
  }

  private async delete(name: string): Promise<void> {
    const command = ['FUNCTION', 'DELETE', name]
    await this.tell(name, command, command)
  }

  /** @param again what is said when nobody knows whether it was done */
  private async tell(name: string, command: Command, again: Command): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS
    let reply = await this.ring.one(...command)
    while (isForNow(reply) && performance.now() < deadline) {
      await sleep(PAUSE_MS)
      reply = await this.ring.one(...again)
      if (isError(reply) && NOT_THERE.test(reply.message)) return
    }
    if (isError(reply)) throw new UserError(`the ring does not take the library ${name}: ${reply.message}`)
  }

  /**
   * Their texts by name; none of a source that has no functions, or does not let us see them.
   *
   * @throws UserError when it is the ring, or has shown them before: nothing was deleted there
   */
  private async librariesOf(server: Conversation): Promise<Map<string, Buffer>> {
    const [reply] = await readPatiently(server, 0, [['FUNCTION', 'LIST', 'WITHCODE']])
    if (isError(reply)) {
      if (this.shown.has(server)) {
        throw new UserError(`${server.whom} does not list its libraries any more: ${reply.message}`)
      }
      if (server === this.ring) throw new UserError(`${server.whom} does not list its libraries: ${reply.message}`)
      // INFO tells how many there are, from 7.0 on, also to who may not list them.
      const known = (await infoOf(server)).get('number_of_libraries')
      const isNone = known === '0' || (known === undefined && UNKNOWN.test(reply.message))
      if (isNone) this.hidden.delete(server)
      else this.hidden.set(server, reply.message)
      return new Map()
    }
    this.shown.add(server)
    this.hidden.delete(server)
    return new Map(
      (elementsOf(reply) ?? []).flatMap((library): [string, Buffer][] => {
        const [name, code] = ['library_name', 'library_code'].map((field) => bytesOf(fieldOf(library, field) ?? null))
        return name === undefined || code === undefined ? [] : [[name.toString(), code]]
      }),
    )
  }
}
