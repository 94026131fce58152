import t from 'tap'
import { Pair } from './pair.js'
import { compareRuns } from './wrapped-runs.js'

compareRuns(await Pair.start(t), 'scripts', (source, call) => [['EVAL', source, ...call]])
