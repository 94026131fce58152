import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Whereabouts } from '../client/forwarding.js'
import { MESSAGE } from './wire.js'

/*
 * Before anything else two proxies show each other that they know the password of the peers, without saying it:
 *
 *     front ──> owner   what it speaks, its ring, its run, the run that it looks for, something thrown
 *     front <── owner   its run, something thrown; each says where clients of it connect
 *     front ──> owner   proof
 *     front <── owner   proof: from now on clients come
 *
 * With TLS the proofs are of that connection as well: whoever stands between the two, with a certificate that is taken, has two
 * connections, and cannot pass them on. At each step the owner may say instead why not. Who is at the port of the peers may say that a client is anybody: so nobody is
 * listened to without proof, and both sides throw, so that no proof is good twice.
 */

/** What is spoken; one of another version is refused. */
export const PEER_VERSION = 1

export interface Hello extends Whereabouts {
  readonly version: number
  readonly ring: string
  readonly run: string
  readonly wanted: string
  readonly thrown: string
  readonly where: string
}

export interface Challenge extends Whereabouts {
  readonly run: string
  readonly thrown: string
}

export type Said = Partial<Hello & Challenge & { readonly proof: string; readonly refused: string }>

/** What was said in a greeting. */
export function saidIn(type: number, body: Buffer): Said {
  if (type !== MESSAGE.greeting) throw new Error('it does not greet')
  const said: unknown = JSON.parse(body.toString())
  if (typeof said !== 'object' || said === null) throw new Error('its greeting says nothing')
  for (const [name, value] of Object.entries(said)) {
    if (typeof value !== (name === 'version' ? 'number' : 'string')) throw new Error(`its greeting says no ${name}`)
  }
  return said
}

export function thrown(): string {
  return randomBytes(32).toString('hex')
}

/**
 * What only who knows the password can say, once, on one side.
 *
 * @param binding what only the two ends of this connection know, or '' where it is not encrypted
 */
export function proofOf(
  side: 'front' | 'owner',
  password: string,
  hello: Hello,
  challenge: Challenge,
  binding: string,
): string {
  const { ring, run, wanted } = hello
  const words = ['dt-peer', PEER_VERSION, side, ring, run, wanted, hello.thrown, challenge.run, challenge.thrown]
  const bound = binding === '' ? words : [...words, binding]
  return createHmac('sha256', password).update(JSON.stringify(bound)).digest('hex')
}

/** Why a proof was not right. */
export function wrongProof(binding: string): string {
  return binding === ''
    ? 'it has another peers.password'
    : 'it has another peers.password, or somebody is between the two'
}

export function isProof(said: string | undefined, expected: string): boolean {
  const [a, b] = [Buffer.from(said ?? ''), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
