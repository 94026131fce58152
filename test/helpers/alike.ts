import type { Arg, RawClient } from './raw-client.js'

/** What a tap test asserts with. */
interface Asserts {
  equal(found: unknown, wanted: unknown, message: string): unknown
}

/** Asks both the same, one command after the other: every reply of ours must have the bytes of theirs. */
export async function answersAlike(
  t: Asserts,
  ours: RawClient,
  theirs: RawClient,
  commands: readonly (readonly Arg[])[],
): Promise<void> {
  for (const args of commands) {
    const [our, their] = await Promise.all([ours.ask(...args), theirs.ask(...args)])
    t.equal(
      our.toString('latin1'),
      their.toString('latin1'),
      args.map((arg) => JSON.stringify(arg.toString())).join(' '),
    )
  }
}

/** Sends both the same bytes: all that comes until the connection ends must be the same. */
export async function endsAlike(t: Asserts, ours: RawClient, theirs: RawClient, bytes: Arg, message: string) {
  ours.send(bytes)
  theirs.send(bytes)
  const [our, their] = await Promise.all([ours.rest(), theirs.rest()])
  t.equal(our.toString('latin1'), their.toString('latin1'), message)
}
