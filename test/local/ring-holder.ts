import { LocalRing } from '../../src/local/local-ring.js'

/*
 * A process that runs a ring until it is killed: `node ring-holder.js <dir> <basePort> <nodes>`. It prints the process
 * ids of its servers in one line when they run.
 */
const [dir, basePort, nodes] = process.argv.slice(2)
const ring = new LocalRing({ dir, basePort: Number(basePort), nodes: Number(nodes) })
await ring.start()
process.stdout.write(`${[...ring.members, ...ring.sentinels].map((server) => server.pid).join(' ')}\n`)
setInterval(() => {}, 1000)
