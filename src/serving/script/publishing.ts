import type { Channels } from '../../channels/channels.js'
import { argumentOf } from '../../resp/frame.js'
import { type Answer, answerToPublish, type Question } from './questions.js'
import { type Called, mayNotWrite } from './run.js'
import type { Published } from './script.js'

/*
 * Where a script publishes. It is told how many will get a message, which only the proxy knows, so it stops there and runs again with the answer; but where
 * it has published before, and where one can see which channel it will be this time, it has the answer from the beginning.
 */

/** So many are remembered of a script. */
const PUBLISHED_MAX = 4

/** It has stopped to publish there. */
export function notePublished({ script, frame }: Called, [command, channel]: Question): void {
  const { published } = script.learnt
  let place = 3
  while (place < frame.argc && !argumentOf(frame, place).equals(channel)) place++
  const named = place < frame.argc ? place : channel
  const isSame = (each: Published) =>
    each.command.equals(command) &&
    (typeof named === 'number' ? each.channel === named : Buffer.isBuffer(each.channel) && each.channel.equals(named))
  if (published.some(isSame)) return
  published.push({ command, channel: named })
  // Names that are made anew each time are worth nothing.
  if (published.length > PUBLISHED_MAX) published.shift()
}

/** How many will get what it is expected to publish. */
export function expectedCounts(channels: Channels, called: Called): readonly Answer[] {
  const { script, frame } = called
  return script.learnt.published.flatMap(({ command, channel }) => {
    if (typeof channel === 'number' && channel >= frame.argc) return []
    const name = typeof channel === 'number' ? Buffer.from(argumentOf(frame, channel)) : channel
    return answerToPublish(channels, [command, name], mayNotWrite(called))
  })
}
