import { register } from 'node:module'
import { DEFECTS } from './defects.js'

/* Loaded before the simulation: brings in the defect that stands behind `?` in the address of this module. */

const name = new URL(import.meta.url).search.slice(1)
const defect = DEFECTS[name]
if (defect === undefined) throw new Error(`there is no defect '${name}'`)
register('../../chaos/defects/hook.js', import.meta.url, { data: { patches: defect.patches } })
