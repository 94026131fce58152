import fc from 'fast-check'
import { verify } from '../helpers/verify.js'
import type { startChanging } from './member-changes.js'
import { type Count, Player } from './moving-programs.js'

type Ring = Awaited<ReturnType<typeof startChanging>>
type Change = keyof Ring['changes']
/** What a player says, the hash tags of his keys, and in which protocol. */
type Part<Said> = [Said, [string, string], 2 | 3]

const LETTERS = 'cdefghijklmnopq'.split('').map((letter) => `{${letter}}`)

/** A change of the members, and programs for so many players who speak meanwhile. */
export function castFor<Said>(ring: Ring, program: fc.Arbitrary<Said>, players: number) {
  const tags = fc.tuple(fc.constantFrom(...LETTERS), fc.constantFrom(...LETTERS))
  const part: fc.Arbitrary<Part<Said>> = fc.tuple(program, tags, fc.constantFrom<2 | 3>(2, 3))
  return [
    fc.constantFrom(...(Object.keys(ring.changes) as Change[])),
    fc.array(part, { minLength: players, maxLength: players }),
  ] as const
}

/**
 * The players speak while a change is made, and find the same data then as on Redis; all copies are equal behind it.
 *
 * @param play what one of them does, for as long as `goesOn` at least
 * @throws Error which tells what was otherwise
 */
export async function playThrough<Said>(
  { pair, operator, changes }: Ring,
  name: Change,
  parts: readonly Part<Said>[],
  count: Count,
  play: (player: Player, program: Said, goesOn: () => boolean) => Promise<void>,
): Promise<void> {
  const players = await Promise.all(
    parts.map(([, own, proto], i) => Player.start(pair, i, own, proto, name !== 'moves', count)),
  )
  let isOver = false
  const change = changes[name]().finally(() => {
    isOver = true
  })
  const playing = players.map(async (player, i) => {
    await play(player, parts[i][0], () => !isOver && player.faults.length === 0)
    await player.compare()
  })
  await Promise.all([change, ...playing])
  for (const player of players) player.close()
  const faults = players.flatMap((player) => player.faults)
  if (faults.length > 0) throw new Error(`${name}: ${faults.slice(0, 10).join('\n')}`)
  const report = await verify(operator)
  if (report.differences !== 0 || report.complete !== 1) throw new Error(`${name}: ${JSON.stringify(report)}`)
}
