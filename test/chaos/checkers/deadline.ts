import type { Operation } from '../history.js'
import { replyOf } from './model.js'
import type { Violation } from './violation.js'

const SLACK_MS = 3

/**
 * A key that got a deadline, and then a write aimed at that very moment: either the write came in time, and the key is
 * gone, or it came late, and found nothing. Which of them is open, but all reads after the deadline must agree.
 *
 *     create deadlineMs     the key with its first content and PEXPIREAT
 *     aim deadlineMs        the write at the deadline
 *     touch deadlineMs      for a key that is watched: the WATCH, before the transaction that is aimed; for one to which `aim` carries
 *                           what stands under another name: the write of that one right before
 *     look                  the whole content as a text: `` (nothing), `new`, or anything else
 */
export function checkDeadline(key: string, operations: readonly Operation[]): Violation[] {
  const aim = operations.find(({ name }) => name === 'aim')
  // Who did not get as far had no deadline for certain.
  if (aim === undefined) return []
  const deadlineMs = Number(aim.args[0])
  if (isWatched(key)) return checkWatched(key, operations, aim, deadlineMs)
  const looks = operations.filter(
    (look) => look.name === 'look' && look.outcome.kind === 'ok' && look.invokedMs > deadlineMs + SLACK_MS,
  )
  // Only what was invoked after the aimed write had returned must show what became of it.
  const settled = looks.filter(({ invokedMs }) => invokedMs >= aim.returnedMs)
  const found = (check: string, message: string, ...witness: Operation[]): Violation[] => [
    { check, key, message, witness },
  ]
  for (const look of looks) {
    const value = replyOf(look)
    if (value === '' || value === 'new') continue
    return found('deadline', 'what had a deadline is there after it', look)
  }
  for (const look of settled) {
    if (replyOf(look) !== replyOf(settled[0])) {
      return found('deadline', 'the key was gone and came back, or went without a deadline', settled[0], look)
    }
  }
  if (settled.length === 0 || aim.outcome.kind === 'unknown') return []
  const there = replyOf(settled[0]) === 'new'
  if (there && aim.outcome.kind === 'failed') return found('not applied', 'it is there', aim, settled[0])
  if (there && aim.returnedMs < deadlineMs - SLACK_MS) {
    return found('deadline', 'it was written in time, so it must be gone', aim, settled[0])
  }
  const touch = operations.find(({ name }) => name === 'touch')
  const hadContent = touch === undefined || touch.outcome.kind === 'ok'
  if (!there && hadContent && aim.outcome.kind === 'ok' && aim.invokedMs > deadlineMs + SLACK_MS) {
    return found('deadline', 'it was written after the deadline, and is gone', aim, settled[0])
  }
  return []
}

function isWatched(key: string): boolean {
  return key.slice(key.indexOf('/') + 1).startsWith('watched:')
}

/** What was watched before its deadline has changed after it: nothing is executed. */
function checkWatched(key: string, operations: readonly Operation[], aim: Operation, deadlineMs: number): Violation[] {
  const watch = operations.find(({ name }) => name === 'touch')
  const isInTime = watch?.outcome.kind === 'ok' && watch.returnedMs < deadlineMs - SLACK_MS
  if (!isInTime || aim.outcome.kind !== 'ok' || aim.invokedMs <= deadlineMs + SLACK_MS) return []
  return [{ check: 'watch', key, message: 'it had expired, and EXEC was executed', witness: [watch, aim] }]
}
