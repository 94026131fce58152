import { readFileSync } from 'node:fs'
import t from 'tap'
import { DEFECTS as SIMULATED } from '../../order-simulation/defects/defects.js'
import { DEFECTS } from '../defects/defects.js'
import { FIRST_VERSION } from '../defects/first-version.js'
import type { Sought } from '../defects/sought.js'
import { FAULTS } from '../faults.js'
import { WORKLOADS } from '../workloads.js'

t.test('every deliberate defect fits the proxy as it is now, in one place', async (t) => {
  for (const [name, { patches }] of Object.entries(DEFECTS)) {
    for (const { file, replace, by } of patches) {
      const text = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8')
      t.equal(text.split(replace).length - 1, 1, `${name}: ${replace}`)
      t.not(replace, by)
    }
  }
})

t.test('those that the simulation has to find fit it, too', async (t) => {
  for (const [name, { patches }] of Object.entries(SIMULATED)) {
    for (const { file, replace } of patches) {
      const text = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8')
      t.ok(text.includes(replace), `${name}: ${replace}`)
    }
  }
})

t.test('every mistake is looked for under faults and workloads that there are', async (t) => {
  for (const [name, { faults, workloads = [] }] of Object.entries<Sought>({ ...DEFECTS, ...FIRST_VERSION })) {
    for (const fault of faults) t.ok(fault in FAULTS, `${name}: ${fault}`)
    for (const workload of workloads) t.ok(WORKLOADS.includes(workload), `${name}: ${workload}`)
  }
})
