import { parseArgs } from 'node:util'
import { playRound } from './acl-rounds.js'
import { Pair } from './pair.js'

/*
 * npm run acl -- [--seed N] [--rounds N]: rounds of random rules and commands, on a Redis and on a proxy, until one differs.
 */

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, rounds: { type: 'string', default: '500' } },
})
const ends: (() => Promise<unknown> | unknown)[] = []
const pair = await Pair.start({ teardown: (end) => void ends.push(end) }, { nodes: 1, replicas: 0, sentinels: 1 })
const first = Number(values.seed)
let answers = 0
let found: readonly string[] = []
for (let seed = first; seed < first + Number(values.rounds) && found.length === 0; seed++) {
  const round = await playRound({ connect: () => pair.connect(2) }, seed)
  answers += round.compared
  found = round.found
}
console.log(found.length === 0 ? `${answers} answers, all the same` : found.join('\n'))
for (const end of ends.reverse()) await end()
process.exitCode = found.length === 0 ? 0 : 1
