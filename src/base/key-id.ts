import { createHash } from 'node:crypto'

/**
 * How a key of a database is called wherever keys are remembered: in lanes, doubts, arrivals and so on. The same value for
 * the same key of the same database, as `===` and Map see it, and another one for any other.
 *
 * A key may have 512 MB, which is more than a string can have, and strings lie in the engine's heap, whose size is limited,
 * too. So only a short key is called by its text, `<db>:<key, one character a byte>`; a long one by an object that has its
 * bytes, of which there is one as long as anybody has it.
 */
export type KeyId = string | LongKey

/** The longest key that is called by its text. */
const SHORT_BYTES_MAX = 4096

class LongKey {
  constructor(
    readonly db: number,
    readonly digest: string,
    readonly key: Buffer,
  ) {}
}

/** The long keys that somebody has, by database and digest. */
const longKeys = new Map<string, WeakRef<LongKey>>()
const forgotten = new FinalizationRegistry<string>((name) => {
  if (longKeys.get(name)?.deref() === undefined) longKeys.delete(name)
})

/** The name of the key that is the bytes of `buf` from `start` to `end`, which are copied if need be. */
export function keyId(db: number, buf: Buffer, start: number, end: number): KeyId {
  if (end - start <= SHORT_BYTES_MAX) return `${db}:${buf.latin1Slice(start, end)}`
  const key = buf.subarray(start, end)
  const digest = createHash('sha256').update(key).digest('base64')
  return longKey(db, digest, () => Buffer.from(key))
}

/** The bytes of a key, and its database. */
export function keyOfId(id: KeyId): { readonly db: number; readonly key: Buffer } {
  return typeof id === 'string' ? { db: dbOfId(id), key: Buffer.from(textOfId(id), 'latin1') } : id
}

export function dbOfId(id: KeyId): number {
  return typeof id === 'string' ? Number(id.slice(0, id.indexOf(':'))) : id.db
}

/** The key of a name that is a text, one character a byte. */
export function textOfId(id: string): string {
  return id.slice(id.indexOf(':') + 1)
}

const ZERO = 0x30
const COLON = 0x3a

/** The same key in another database. */
export function idInDb(id: KeyId, db: number): KeyId {
  // Most are in database 0 and stay there: a text that is put together is slow to look up.
  if (db === 0 && typeof id === 'string' && id.charCodeAt(0) === ZERO && id.charCodeAt(1) === COLON) return id
  return typeof id === 'string' ? `${db}:${textOfId(id)}` : longKey(db, id.digest, () => id.key)
}

/** Whether both are the same key, of whatever databases. */
export function isSameKey(one: KeyId, other: KeyId): boolean {
  if (typeof one === 'string' || typeof other === 'string') {
    return typeof one === typeof other && textOfId(one as string) === textOfId(other as string)
  }
  return one.digest === other.digest
}

function longKey(db: number, digest: string, key: () => Buffer): LongKey {
  const name = `${db}:${digest}`
  const known = longKeys.get(name)?.deref()
  if (known !== undefined) return known
  const made = new LongKey(db, digest, key())
  longKeys.set(name, new WeakRef(made))
  forgotten.register(made, name)
  return made
}
