import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import { wordOf } from '../base/ascii.js'
import { argsOfWord, isOption } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { rowNamed } from '../command/table.js'
import { argumentOf, type Frame } from '../resp/frame.js'

/*
 * A command that gives a key a deadline deletes the key when the deadline has passed already, and only Valkey 8.1 and newer
 * call that expired [Redis expire.c expireGenericCommand, cluster.c restoreCommand; redis-facts DUMP, RESTORE]. So whoever
 * gets it late may have no key any more without having said so [design §7 Expiry].
 */

const SET_TIMES = ['ex', 'px', 'exat', 'pxat'] as const
/** What SETEX and PSETEX become. */
const SET = rowNamed('set') as CommandRow
/** So exactly the moment is known at which a server executes a command: by its clock, as we know it. */
const NEAR_MS = 50
/** No reply is that late. */
const REPLY_MAX_MS = 600_000
/** No deadline that anybody could miss. */
export const NO_DEADLINE = 0

/**
 * The deadline that a command gives its key, in ms since 1970, if it may be passing while the command is on its way;
 * else `NO_DEADLINE`.
 *
 * @param frame the command as `toAbsolute` makes it
 * @param nowMs the slowest clock of the key's replicas: when it has passed there, everybody finds that it has
 */
export function missableDeadline(row: CommandRow, frame: Frame, nowMs: number): number {
  const deadlineMs = deadlineOf(row, frame)
  return deadlineMs > nowMs - NEAR_MS && isSoon(deadlineMs, nowMs) ? deadlineMs : NO_DEADLINE
}

/** Whether a deadline may pass before what is sent now is answered. */
export function isSoon(deadlineMs: number, nowMs: number): boolean {
  return deadlineMs < nowMs + REPLY_MAX_MS
}

/** Whether the deadline may have passed on the server of `link` when it executed what it has just answered. */
export function mayHavePassed(deadlineMs: number, link: Link): boolean {
  return deadlineMs !== NO_DEADLINE && deadlineMs <= preciseNowMs() + link.clockOffsetMs + NEAR_MS
}

/**
 * Whether a key may have a deadline after this command that it had before: then it may expire right after the command. One
 * that the command itself gives is looked after by `mayHavePassed`.
 */
export function leavesDeadline(row: CommandRow, frame: Frame): boolean {
  if (row.endsDeadline === 'always') return false
  switch (row.time) {
    case 'words': {
      const { from } = row.options!
      // One that sets nothing (GETEX) leaves it unless it names another.
      if (row.endsDeadline !== 'plain') return frame.argc === from
      // Without a condition it sets, and with it the deadline.
      for (let i = from; i < frame.argc; i += 1 + argsOfWord(row, frame, i)) {
        if (!isOption(frame, i, 'get') && !SET_TIMES.some((word) => isOption(frame, i, word))) return true
      }
      return false
    }
    // Whether the key was there the answer tells, and it has the new deadline then, or is gone because that has passed. Of the
    // latter Valkey 8.1 and newer say `expired`, too.
    case 's':
    case 'ms':
    case 'at s':
    case 'at ms':
      return frame.argc > 3
    default:
      return true
  }
}

function deadlineOf(row: CommandRow, frame: Frame): number {
  switch (row.time) {
    case 'words':
      return optionIn(row, frame)
    // Which has become a SET.
    case 's value':
    case 'ms value':
      return optionIn(SET, frame)
    case 'at s':
      return integerAt(frame, 2) * 1000
    default:
      return integerAt(frame, 2)
  }
}

/** Behind EXAT or PXAT. */
function optionIn(row: CommandRow, frame: Frame): number {
  for (let i = row.options!.from; i + 1 < frame.argc; i += 1 + argsOfWord(row, frame, i)) {
    if (isOption(frame, i, 'pxat')) return integerAt(frame, i + 1)
    if (isOption(frame, i, 'exat')) return integerAt(frame, i + 1) * 1000
  }
  return NO_DEADLINE
}

/** What is no number makes the command fail. */
function integerAt(frame: Frame, i: number): number {
  const value = Number(wordOf(argumentOf(frame, i)))
  return Number.isFinite(value) ? value : NO_DEADLINE
}
