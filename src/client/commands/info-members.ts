import { parseInfo } from '../../backend/handshake.js'
import type { Link } from '../../backend/link.js'
import { textOf } from '../../resp/decode.js'
import { isError } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { askEach } from './every-member.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'order'>

/** What the members of the current view answered to INFO, and how to make one value of theirs. */
export class MemberInfos {
  /** The fields of those that have answered, by their names. */
  readonly answers: ReadonlyMap<string, ReadonlyMap<string, string>>

  constructor(
    readonly all: readonly { readonly link: Link; readonly text: string | undefined }[],
    /** How many members have each key. */
    readonly copies: number,
  ) {
    this.answers = new Map(
      all.flatMap(({ link, text }) => (text === undefined ? [] : [[link.name, parseInfo(text)] as const])),
    )
  }

  /** Names of the members that did not answer. */
  get missing(): string[] {
    return this.all.filter(({ text }) => text === undefined).map(({ link }) => link.name)
  }

  /** The lines of all answers. */
  get lines(): string[] {
    return this.all.flatMap(({ text }) => text?.split('\r\n') ?? [])
  }

  /** The values of a field. */
  texts(field: string): string[] {
    return [...this.answers.values()].flatMap((fields) => fields.get(field) ?? [])
  }

  /** The first member's value of a field. */
  first(field: string): string {
    return this.texts(field)[0] ?? ''
  }

  sum(field: string): number {
    return this.texts(field).reduce((sum, text) => sum + Number(text), 0)
  }

  /** Of things that happen to every copy of a key, or are counted for each: how many keys that is. */
  perCopy(field: string): number {
    return Math.round(this.sum(field) / Math.max(1, this.copies))
  }

  max(field: string): number {
    const values = this.texts(field).map(Number)
    return values.length === 0 ? 0 : Math.max(...values)
  }

  min(field: string): number {
    const values = this.texts(field).map(Number)
    return values.length === 0 ? 0 : Math.min(...values)
  }
}

/** Asks all members of the current view for these sections, none for no sections. */
export async function askMembers(server: Needs, sections: readonly string[]): Promise<MemberInfos> {
  const { links, view } = server.order.router
  const copies = Math.min(view.replicas + 1, links.length)
  if (sections.length === 0) return new MemberInfos([], copies)
  const answers = await askEach(server, ['INFO', ...sections])
  const all = answers.map(({ link, reply }) => ({
    link,
    text: reply === undefined || isError(reply) ? undefined : textOf(reply),
  }))
  return new MemberInfos(all, copies)
}
