import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { rowNamed } from '../../src/command/table.js'
import { mayHavePassed, missableDeadline, NO_DEADLINE } from '../../src/order/deadline.js'
import { Route } from '../../src/order/router.js'
import { frameOf } from '../../src/resp/frame.js'
import { toAbsolute } from '../../src/serving/absolute.js'

const NOW = 1_700_000_000_000

function deadlineOf(command: string): number {
  const args = command.split(' ')
  const row = rowNamed(args[0].toLowerCase())!
  return missableDeadline(row, toAbsolute(row, frameOf(args), NOW), NOW)
}

const DEADLINES: Record<string, number> = {
  'SET k v': NO_DEADLINE,
  'SET k PXAT': NO_DEADLINE,
  'SET k v KEEPTTL': NO_DEADLINE,
  'SET k v EX 10': NOW + 10_000,
  'SET k v NX px 10 GET': NOW + 10,
  [`SET k v EXAT ${NOW / 1000 + 1} XX`]: NOW + 1000,
  [`set k v pxat ${NOW + 1}`]: NOW + 1,
  'SETEX k 10 v': NOW + 10_000,
  'PSETEX k 10 v': NOW + 10,
  'SETEX k 0 v': NO_DEADLINE,
  GETEX_k: NO_DEADLINE,
  'GETEX k PERSIST': NO_DEADLINE,
  'GETEX k PX 10': NOW + 10,
  'EXPIRE k 10': NOW + 10_000,
  'PEXPIRE k 10 NX': NOW + 10,
  'PEXPIRE k ten': NO_DEADLINE,
  [`EXPIREAT k ${NOW / 1000 + 1}`]: NOW + 1000,
  [`PEXPIREAT k ${NOW + 1} GT`]: NOW + 1,
  'RESTORE k 0 payload': NO_DEADLINE,
  'RESTORE k 10 payload': NOW + 10,
  [`RESTORE k ${NOW + 1} payload ABSTTL`]: NOW + 1,
  // Everybody finds that it has passed.
  'EXPIRE k -1': NO_DEADLINE,
  [`PEXPIREAT k ${NOW - 1000}`]: NO_DEADLINE,
  // Nobody does.
  'EXPIRE k 3600': NO_DEADLINE,
}

for (const [command, deadlineMs] of Object.entries(DEADLINES)) {
  t.test(`${command}: ${deadlineMs === NO_DEADLINE ? 'none' : `${deadlineMs - NOW} ms from now`}`, async (t) => {
    t.equal(deadlineOf(command.replace('_', ' ')), deadlineMs)
  })
}

t.test('a deadline that has passed on the master and not on a slower replica may be missed', async (t) => {
  const row = rowNamed('pexpireat')!
  const frame = frameOf(['PEXPIREAT', 'k', String(NOW - 100)])
  t.equal(missableDeadline(row, frame, NOW), NO_DEADLINE)
  t.equal(missableDeadline(row, frame, NOW - 500), NOW - 100)
  const at = (clockOffsetMs: number) => ({ clockOffsetMs }) as Link
  t.equal(new Route([at(20), at(-500)], [at(40)]).slowestOffsetMs, -500)
})

t.test('whether a deadline may have passed on a server goes by the clock of that server', async (t) => {
  const at = (clockOffsetMs: number) => ({ clockOffsetMs }) as Link
  t.equal(mayHavePassed(NO_DEADLINE, at(0)), false)
  t.equal(mayHavePassed(Date.now() - 1, at(0)), true)
  t.equal(mayHavePassed(Date.now() + 10_000, at(0)), false)
  t.equal(mayHavePassed(Date.now() + 10_000, at(20_000)), true)
  t.equal(mayHavePassed(Date.now() - 10_000, at(-20_000)), false)
})
