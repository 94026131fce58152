import type { LocalRing } from '../../src/local/local-ring.js'
import { RawClient } from './raw-client.js'

/**
 * How long the Sentinels of a test wait before they call a server down: so long that none is called down because the
 * machine is busy. A test that wants one to leave says when, with `declareDown`.
 */
export const PATIENT_MS = 60_000

type Ring = Pick<LocalRing, 'sentinels'>

/** `SENTINEL …` to every Sentinel that runs; fails when one of them refuses. */
export async function tellSentinels({ sentinels }: Ring, ...args: string[]): Promise<void> {
  for (const { name, port, pid } of sentinels) {
    if (pid === undefined) continue
    const client = await RawClient.connect(port)
    const reply = String(await client.ask('SENTINEL', ...args))
    client.close()
    if (reply !== '+OK\r\n') throw new Error(`${name} answers SENTINEL ${args.join(' ')} with ${reply}`)
  }
}

/** The Sentinels call servers down that are dead or stand still: within a second, and until `forgive`. */
export async function declareDown(ring: Ring, ...names: string[]): Promise<void> {
  for (const name of names) await tellSentinels(ring, 'SET', name, 'down-after-milliseconds', '100')
}

/** They are patient with these servers again; to be said before the servers come back. */
export async function forgive(ring: Ring, ...names: string[]): Promise<void> {
  for (const name of names) await tellSentinels(ring, 'SET', name, 'down-after-milliseconds', String(PATIENT_MS))
}

/** Servers that were called down start again, with their data. */
export async function comeBack(ring: Ring & Pick<LocalRing, 'restart'>, ...names: string[]): Promise<void> {
  await forgive(ring, ...names)
  await Promise.all(names.map((name) => ring.restart(name)))
}

/** Whether each Sentinel knows enough others that monitor this server: they hear of each other through it. */
export async function knowEachOther({ sentinels }: Ring, name: string): Promise<boolean> {
  for (const { port } of sentinels) {
    const client = await RawClient.connect(port)
    const reply = String(await client.ask('SENTINEL', 'CKQUORUM', name))
    client.close()
    if (!reply.startsWith(`+OK ${sentinels.length} usable`)) return false
  }
  return true
}
