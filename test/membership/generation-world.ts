import { type Generation, type GenerationLook, generationStep } from '../../src/membership/generation.js'
import type { World } from '../helpers/explore.js'

/*
 * One member and three runs, of which X is removed by the last generation. Each says its name, looks, notes, kills and looks again as the program
 * decides; all of that, and X's writes, may lie on its way for any time, and connections may end and be made anew.
 */

export const GENERATIONS: readonly Generation[] = [
  { number: 1, runs: ['X', 'Y', 'Z'] },
  { number: 2, runs: ['X', 'Y', 'Z'] },
  { number: 3, runs: ['Y', 'Z'] },
]
const LAST = GENERATIONS[GENERATIONS.length - 1]

export interface FenceRules {
  step: typeof generationStep<Other>
  /** What the mark is after `wanted` was noted where `noted` was. */
  note(noted: number, wanted: number): number
  /** What a new connection sends. */
  readonly greeting: readonly ('name' | 'look')[]
}

export const FENCE_RULES: FenceRules = { step: generationStep, note: Math.max, greeting: ['name', 'look'] }

/** A connection as a look shows it. */
export interface Other {
  readonly id: number
  readonly run: string
}

type Request = { t: 'name' | 'look' | 'set' } | { t: 'mark'; g: number; kill: number[] } | { t: 'kill'; ids: number[] }

interface Connection {
  id: number
  run: string
  isNamed: boolean
  toServer: Request[]
  looks: GenerationLook<Other>[]
  isKilled: boolean
  isLeft: boolean
}

export interface FenceState {
  noted: number
  isFenced: boolean
  /** Which generation each run knows of; how often it may connect; whether its link may be used. */
  runs: Record<string, { known: number; connects: number; isUsed: boolean; isOver: boolean; sets: number }>
  connections: Connection[]
}

export class FenceWorld implements World<FenceState> {
  constructor(
    private readonly rules: FenceRules,
    private readonly connects: Readonly<Record<string, number>>,
  ) {}

  first(): FenceState {
    const run = (name: string) => {
      return { known: 1, connects: this.connects[name], isUsed: false, isOver: false, sets: name === 'X' ? 1 : 0 }
    }
    return {
      noted: 1,
      isFenced: false,
      // Y has heard of the last generation, the others have not, and may.
      runs: { X: run('X'), Y: { ...run('Y'), known: 2 }, Z: run('Z') },
      connections: [],
    }
  }

  possible(state: FenceState): string[] {
    const found: string[] = []
    for (const [name, run] of Object.entries(state.runs)) {
      const link = state.connections.find((other) => other.run === name && !other.isLeft)
      if (run.isOver) continue
      if (link === undefined && run.connects > 0) found.push(`connect ${name}`)
      if (link !== undefined && run.connects > 0) found.push(`leave ${link.id}`)
      if (link !== undefined && run.isUsed && run.sets > 0) found.push(`set ${link.id}`)
    }
    for (const { id, toServer, looks, isKilled, isLeft } of state.connections) {
      if (toServer.length > 0 && !isKilled) found.push(`execute ${id}`)
      if (looks.length > 0 && !isLeft) found.push(`receive ${id}`)
    }
    return found
  }

  happens(state: FenceState, step: string): void {
    const [what, who] = step.split(' ')
    const connection = state.connections.find(({ id }) => String(id) === who)!
    switch (what) {
      case 'connect': {
        // The same number in whatever order they connect.
        const id = 10 * Object.keys(state.runs).indexOf(who) + state.runs[who].connects--
        const toServer: Request[] = this.rules.greeting.map((t) => ({ t }))
        state.connections.push({ id, run: who, isNamed: false, toServer, looks: [], isKilled: false, isLeft: false })
        state.connections.sort((a, b) => a.id - b.id)
        break
      }
      case 'leave':
        connection.isLeft = true
        connection.looks = []
        state.runs[connection.run].isUsed = false
        break
      case 'set':
        state.runs[connection.run].sets--
        connection.toServer.push({ t: 'set' })
        break
      case 'execute':
        this.executes(state, connection)
        break
      case 'receive':
        this.receives(state, connection, connection.looks.shift()!)
    }
    state.connections = state.connections.filter(
      ({ isKilled, isLeft, toServer }) => !(isLeft && (isKilled || toServer.length === 0)),
    )
  }

  private executes(state: FenceState, connection: Connection): void {
    const request = connection.toServer.shift()!
    switch (request.t) {
      case 'name':
        connection.isNamed = true
        break
      case 'look': {
        const others = state.connections.filter((other) => other !== connection && other.isNamed && !other.isKilled)
        const look = { noted: state.noted, others: others.map(({ id, run }) => ({ id, run })) }
        if (!connection.isLeft) connection.looks.push(look)
        break
      }
      case 'mark':
        state.noted = this.rules.note(state.noted, request.g)
        kill(state, request.kill)
        break
      case 'kill':
        kill(state, request.ids)
        break
      case 'set':
        if (state.isFenced) throw new Error('I2: the fence let something through')
    }
  }

  private receives(state: FenceState, { run: name, toServer }: Connection, look: GenerationLook<Other>): void {
    const run = state.runs[name]
    let known = GENERATIONS[run.known]
    let step = this.rules.step(look, known, name)
    // Whoever says what generations there are is asked.
    if (step.kind === 'later') {
      run.known = GENERATIONS.length - 1
      known = LAST
      step = this.rules.step(look, known, name)
    }
    switch (step.kind) {
      case 'note':
        toServer.push({ t: 'mark', g: known.number, kill: step.kill.map(({ id }) => id) }, { t: 'look' })
        break
      case 'kill':
        toServer.push({ t: 'kill', ids: step.kill.map(({ id }) => id) }, { t: 'look' })
        break
      case 'done':
        run.isUsed = true
        if (!known.runs.includes('X')) state.isFenced = true
        break
      case 'deposed':
        run.isOver = true
        break
      default:
        throw new Error(`there is nothing later than the last: ${step.kind}`)
    }
  }
}

function kill(state: FenceState, ids: readonly number[]): void {
  for (const other of state.connections) {
    if (!ids.includes(other.id)) continue
    other.isKilled = true
    other.toServer = []
  }
}
