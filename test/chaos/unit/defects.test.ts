import { readFileSync } from 'node:fs'
import t from 'tap'
import { DEFECTS } from '../defects/defects.js'
import { FAULTS } from '../faults.js'

t.test('every deliberate defect fits the proxy as it is now, in one place', async (t) => {
  for (const [name, { patches }] of Object.entries(DEFECTS)) {
    for (const { file, replace, by } of patches) {
      const text = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8')
      t.equal(text.split(replace).length - 1, 1, `${name}: ${replace}`)
      t.not(replace, by)
    }
  }
})

t.test('every deliberate defect is looked for under faults that there are', async (t) => {
  for (const [name, { faults }] of Object.entries(DEFECTS)) {
    for (const fault of faults) t.ok(fault in FAULTS, `${name}: ${fault}`)
  }
})
