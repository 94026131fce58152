import t from 'tap'
import { playRound } from './acl-rounds.js'
import { Pair } from './pair.js'

/** Another one may be given to look further: DT_TEST_SEED=7. */
const SEED = Number(process.env.DT_TEST_SEED ?? 1)
const ROUNDS = 30

const pair = await Pair.start(t, { nodes: 1, replicas: 0, sentinels: 1 })

t.test('users with random rules may do what they may in Redis, and are told the same', async (t) => {
  let compared = 0
  for (let seed = SEED; seed < SEED + ROUNDS; seed++) {
    const round = await playRound({ connect: () => pair.connect(2) }, seed)
    compared += round.compared
    t.same(round.found, [])
  }
  t.ok(compared > 6000, `${compared} answers`)
})
