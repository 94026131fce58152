import { DIFFERENCE_KINDS, type VerifyReport } from '../../migration/verify-report.js'
import { double, error, map, type Reply } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { option, SYNTAX_ERROR } from './arguments.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'order' | 'verifier'>

/**
 * DT VERIFY [REPAIR] compares all copies of all keys and answers what it found when it is through; STATUS tells how far
 * the one is that runs, or what the last one found; STOP ends it.
 */
export const verifyCommands: Record<string, LocalCommand<Needs>> = {
  'dt|verify': (_client, args, server) => {
    if (args.length > 3) return SYNTAX_ERROR
    switch (args.length === 2 ? '' : option(args[2])) {
      case '':
        return verify(server, false)
      case 'repair':
        return verify(server, true)
      case 'status':
        return server.verifier.report === undefined ? null : describe(server.verifier.report)
      case 'stop':
        return server.verifier.cancel() ? 1 : 0
      default:
        return SYNTAX_ERROR
    }
  },
}

async function verify({ order, verifier }: Needs, repair: boolean): Promise<Reply> {
  const refusal = await order.opening.whenOpen()
  if (refusal !== undefined) return refusal
  const report = await verifier.verify(repair)
  return report === undefined ? error('ERR a verification runs already; see DT VERIFY STATUS') : describe(report)
}

function describe(report: VerifyReport): Reply {
  const { secondsLeft } = report
  return map([
    ['state', report.state],
    ['repair', report.repair ? 1 : 0],
    ['background', report.background ? 1 : 0],
    ['copies-seen', report.copiesSeen],
    ['copies-total', Math.max(report.copiesTotal, report.copiesSeen)],
    ['seconds', double(Math.round(report.seconds * 10) / 10)],
    ['seconds-left', secondsLeft === undefined ? null : Math.ceil(secondsLeft)],
    ['keys', report.keys],
    ...DIFFERENCE_KINDS.map((kind) => [kind, report.counts[kind]] as const),
    ['differences', report.differences],
    ['repaired', report.repaired],
    ['left', report.left],
    ['unchecked', report.unchecked],
    ['complete', report.complete ? 1 : 0],
    ['reasons', [...report.reasons]],
    [
      'examples',
      report.examples.map(({ kind, db, key, member }) =>
        map([
          ['kind', kind],
          ['member', member],
          ['db', db],
          ['key', key],
        ]),
      ),
    ],
  ])
}
