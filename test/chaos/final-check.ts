import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../helpers/raw-client.js'
import { textOf } from '../helpers/raw-reply.js'
import { fieldsOf } from '../helpers/ring-state.js'
import type { ChaosRing } from './chaos-ring.js'
import type { Violation } from './checkers/violation.js'
import { Connection } from './connection.js'
import { nowMs } from './history.js'
import { findMisplaced, type Misplaced, readMembers } from './placement.js'

/** How long the ring may take, once it says that nothing has to be moved, to delete displaced copies and repair. */
const PLACEMENT_PATIENCE_MS = 15_000
const VERIFY_PATIENCE_MS = 60_000
const EXAMPLES = 5

/**
 * G1 and G3 on what the members hold: every key on exactly its replica set, and equal everywhere. Read again until it is
 * so, or for a while: what stays wrong is a violation.
 */
export async function checkPlacement(ring: ChaosRing): Promise<{ keys: number; violations: Violation[] }> {
  const ports = new Map([...ring.expected].map((name) => [name, ring.member(name).server.port]))
  for (const deadlineMs = nowMs() + PLACEMENT_PATIENCE_MS; ; await sleep(500)) {
    const { keys, misplaced } = findMisplaced(await readMembers(ports), ring.options.replicas, nowMs())
    if (misplaced.length > 0 && nowMs() < deadlineMs) continue
    const kinds = ['missing', 'extra', 'differs'] as const
    return { keys, violations: kinds.flatMap((kind) => summarize(kind, misplaced)) }
  }
}

function summarize(kind: Misplaced['kind'], misplaced: readonly Misplaced[]): Violation[] {
  const these = misplaced.filter((one) => one.kind === kind)
  if (these.length === 0) return []
  const examples = these
    .slice(0, EXAMPLES)
    .map(({ key, member, text }) => `\n    ${JSON.stringify(key)} on ${member}: ${text}`)
  const message = `${these.length} copies, such as${examples.join('')}`
  return [{ check: `placement: ${kind}`, key: these[0].key, message, witness: [] }]
}

/** Lets the proxy verify the ring itself, if it can: gives what it said in one line. */
export async function verifyByProxy(ring: ChaosRing, complain: (message: string) => void): Promise<string> {
  const connection = await Connection.open(ring.proxy.port)
  const timer = setTimeout(() => connection.close(`no answer within ${VERIFY_PATIENCE_MS} ms`), VERIFY_PATIENCE_MS)
  try {
    const commands = [command('HELLO', '3'), command('DT', 'VERIFY')]
    const [, reply] = await Promise.all(connection.send(Buffer.concat(commands), 2))
    if ('text' in reply) return reply.text
    const fields = fieldsOf(reply)
    const field = (name: string) => textOf(fields.get(name)!)
    const said = `${field('keys')} keys, ${field('differences')} differences, complete ${field('complete')}`
    if (field('differences') !== '0' || field('complete') !== '1') complain(`DT VERIFY: ${said}`)
    return said
  } catch (error) {
    complain(`DT VERIFY: ${(error as Error).message}`)
    return 'no answer'
  } finally {
    clearTimeout(timer)
    connection.close('asked')
  }
}
