import { type KeyId, keyOfId } from '../../base/key-id.js'

/** More are not named: who has refused so many refuses everything. */
const KEYS_MAX = 100

/** A key that a member did not take when it was copied to it last. */
export interface FailedCopy {
  readonly id: KeyId
  readonly reason: string
}

/** The keys that could not be copied, by the names of the members that lack them: for whoever asks what is the matter. */
export class FailedCopies {
  /** False nearly always: nobody needs to ask further. */
  any = false
  private readonly byMember = new Map<string, Map<KeyId, string>>()

  /** `id` is the key, see `keyId`. */
  add(member: string, id: KeyId, reason: string): void {
    let reasons = this.byMember.get(member)
    if (reasons === undefined) this.byMember.set(member, (reasons = new Map()))
    if (reasons.size < KEYS_MAX || reasons.has(id)) reasons.set(id, reason)
    this.any = true
  }

  /** It has been copied, or need not be any more. */
  remove(member: string, id: KeyId): void {
    const reasons = this.byMember.get(member)
    if (reasons?.delete(id) !== true || reasons.size > 0) return
    this.forget(member)
  }

  /** What the member lacks is found out anew. */
  forget(member: string): void {
    this.byMember.delete(member)
    this.any = this.byMember.size > 0
  }

  /** Who is to have which keys has changed. */
  keepOnly(isWanted: (member: string, id: KeyId) => boolean): void {
    for (const [member, reasons] of [...this.byMember]) {
      for (const id of [...reasons.keys()]) if (!isWanted(member, id)) this.remove(member, id)
    }
  }

  of(member: string): FailedCopy[] {
    return [...(this.byMember.get(member) ?? [])].map(([id, reason]) => ({ id, reason }))
  }
}

const BYTES_SHOWN = 200

/** A key as messages name it: its text, cut if it is long, and its database if that is not the first one. */
export function describeKey(id: KeyId): string {
  const { db, key } = keyOfId(id)
  const text = JSON.stringify(key.toString('utf8', 0, BYTES_SHOWN))
  const cut = key.length > BYTES_SHOWN ? `${text.slice(0, -1)}…" (${key.length} bytes)` : text
  return db === 0 ? `the key ${cut}` : `the key ${cut} of database ${db}`
}
