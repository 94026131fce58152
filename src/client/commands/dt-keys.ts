import type { BigKeysReport } from '../../migration/big-keys.js'
import { double, error, map, type Reply, simple } from '../../resp/encode.js'
import type { HotKeysReport } from '../hot-keys.js'
import type { HotKey } from '../key-counting.js'
import type { Server } from '../server.js'
import { option, parseInt64, SYNTAX_ERROR } from './arguments.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'bigKeys' | 'hotKeys' | 'order'>

const OK = simple('OK')
const SHOWN = 10
const SHOWN_MAX = 1000
const SAMPLE = 10
const SAMPLE_MAX = 1_000_000
const SECONDS = 60
const SECONDS_MAX = 3600

/**
 * DT HOTKEYS START [SAMPLE n] [SECONDS s] counts which keys clients ask for, STOP ends that, GET [count] tells what was counted.
 * DT BIGKEYS [count] looks for the biggest keys of each type; STATUS tells how far that is, or what was found last, STOP ends it.
 */
export const keysCommands: Record<string, LocalCommand<Needs>> = {
  'dt|hotkeys': (_client, args, { hotKeys }) => {
    switch (option(args[2])) {
      case 'start': {
        const options = { sample: SAMPLE, seconds: SECONDS }
        for (let i = 3; i < args.length; i += 2) {
          const name = option(args[i])
          if ((name !== 'sample' && name !== 'seconds') || i + 1 === args.length) return SYNTAX_ERROR
          const value = numberUpTo(args[i + 1], name === 'sample' ? SAMPLE_MAX : SECONDS_MAX)
          if (typeof value !== 'number') return value
          options[name] = value
        }
        hotKeys.start(options.sample, options.seconds)
        return OK
      }
      case 'stop':
        return args.length > 3 ? SYNTAX_ERROR : hotKeys.stop() ? 1 : 0
      case 'get': {
        if (args.length > 4) return SYNTAX_ERROR
        const count = args.length === 4 ? numberUpTo(args[3], SHOWN_MAX) : SHOWN
        if (typeof count !== 'number') return count
        const report = hotKeys.report(count)
        return report === undefined ? null : describeHot(report)
      }
      default:
        return SYNTAX_ERROR
    }
  },

  'dt|bigkeys': async (_client, args, { bigKeys, order }) => {
    if (args.length > 3) return SYNTAX_ERROR
    const word = args.length === 2 ? '' : option(args[2])
    if (word === 'stop') return bigKeys.stop() ? 1 : 0
    if (word === 'status') return bigKeys.report === undefined ? null : describeBig(bigKeys.report)
    const count = word === '' ? SHOWN : numberUpTo(args[2], SHOWN_MAX)
    if (typeof count !== 'number') return count
    const refusal = await order.opening.whenOpen()
    if (refusal !== undefined) return refusal
    const report = await bigKeys.find(count)
    return report === undefined
      ? error('ERR a walk over all keys goes on already; see DT BIGKEYS STATUS')
      : describeBig(report)
  },
}

function numberUpTo(bytes: Buffer, most: number): number | Reply {
  const value = parseInt64(bytes)
  if (value !== undefined && value >= 1n && value <= BigInt(most)) return Number(value)
  return error(`ERR the number must be from 1 to ${most}`)
}

function describeHot(report: HotKeysReport): Reply {
  const { running, sample, seconds, commands, bytes, byCommands, byBytes } = report
  const described = (all: readonly HotKey[], sum: number) =>
    all.map(({ db, key, count, error: most }) =>
      map([
        ['db', db],
        ['key', key],
        ['count', Math.round(count)],
        ['share', fraction(sum === 0 ? 0 : count / sum)],
        ['too-much-at-most', Math.round(most)],
      ]),
    )
  return map([
    ['running', running ? 1 : 0],
    ['sample', sample],
    ['seconds', tenths(seconds)],
    ['commands', commands],
    ['bytes', Math.round(bytes)],
    ['by-commands', described(byCommands, commands)],
    ['by-bytes', described(byBytes, bytes)],
  ])
}

function describeBig({ state, seen, total, seconds, types, reasons }: BigKeysReport): Reply {
  const of = [...types].sort(([, a], [, b]) => b.bytes - a.bytes)
  return map([
    ['state', state],
    ['entries-seen', seen],
    ['entries-total', Math.max(total, seen)],
    ['seconds', tenths(seconds)],
    ['reasons', [...reasons]],
    [
      'types',
      of.map(([type, { keys, bytes, biggest }]) =>
        map([
          ['type', type],
          ['keys', keys],
          ['bytes', bytes],
          [
            'biggest',
            biggest.map((big) =>
              map([
                ['db', big.db],
                ['key', big.key],
                ['bytes', big.bytes],
                ['elements', big.elements],
                ['member', big.member],
              ]),
            ),
          ],
        ]),
      ),
    ],
  ])
}

const fraction = (value: number) => double(Math.round(value * 1e4) / 1e4)
const tenths = (seconds: number) => double(Math.round(seconds * 10) / 10)
