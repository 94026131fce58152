import type { Channels } from '../../channels/channels.js'
import { argumentOf, type Frame } from '../../resp/frame.js'
import { type Answer, answerToPublish, type Messages, type Question } from './questions.js'
import { type Called, mayNotWrite } from './run.js'
import type { Published } from './script.js'

/*
 * Where a script publishes. It is told how many will get a message, which only the proxy knows, so it stops there and runs again with the
 * answer; but where it has published before, and where one can see which channel it will be this time, it has the answer from the beginning:
 *
 *     an argument                 ──expected──> not used several times in sequence: forgotten
 *     a text that it has made     ──seen once──seen again: expected──^
 *
 * A text that is made anew each time is never seen again, and is never expected.
 */

/** So many are expected of a script, and so many texts are remembered that were seen once. */
const PUBLISHED_MAX = 4
const SEEN_MIN = 2
const MISSED_MAX = 8

/** It has stopped to publish there. */
export function notePublished({ script, frame }: Called, [command, channel]: Question): void {
  const { published } = script.learnt
  let place = 3
  while (place < frame.argc && !argumentOf(frame, place).equals(channel)) place++
  const named = place < frame.argc ? place : Buffer.from(channel)
  const isSame = (each: Published) =>
    each.command.equals(command) &&
    (typeof named === 'number' ? each.channel === named : Buffer.isBuffer(each.channel) && each.channel.equals(named))
  const known = published.find(isSame)
  if (known === undefined) published.push({ command, channel: named, seen: 1, missed: 0 })
  else known.seen++
  const expected = published.filter(isExpected)
  const seenOnce = published.filter((each) => !isExpected(each))
  if (seenOnce.length > PUBLISHED_MAX) forget(published, seenOnce[0])
  if (expected.length > PUBLISHED_MAX) forget(published, leastUsed(expected))
}

/** How many will get what it is expected to publish. */
export function expectedCounts(channels: Channels, called: Called): readonly Answer[] {
  const { script, frame } = called
  return script.learnt.published.filter(isExpected).flatMap((published) => {
    const channel = channelOf(published, frame)
    return channel === undefined ? [] : answerToPublish(channels, [published.command, channel], mayNotWrite(called))
  })
}

/** It has run, and has published this. */
export function settlePublished(called: Called, messages: Messages): void {
  const { published } = called.script.learnt
  // One that may not publish is only told so.
  if (mayNotWrite(called)) return
  for (const each of published.filter(isExpected)) {
    const channel = channelOf(each, called.frame)
    const isUsed = messages.some(
      (text, i) => i % 3 === 1 && channel?.equals(text) && messages[i - 1].equals(each.command),
    )
    each.missed = isUsed ? 0 : each.missed + 1
    if (each.missed >= MISSED_MAX) forget(published, each)
  }
}

function isExpected({ channel, seen }: Published): boolean {
  return typeof channel === 'number' || seen >= SEEN_MIN
}

/** The channel that it is this time; undefined where there is no such argument. */
function channelOf({ channel }: Published, frame: Frame): Buffer | undefined {
  if (typeof channel !== 'number') return channel
  return channel < frame.argc ? Buffer.from(argumentOf(frame, channel)) : undefined
}

/** Of several that are used as often the newest one. */
function leastUsed(expected: readonly Published[]): Published {
  return expected.reduce((one, other) => (other.missed >= one.missed ? other : one))
}

function forget(published: Published[], one: Published): void {
  published.splice(published.indexOf(one), 1)
}
