import type { Test } from 'tap'
import { NO_REFUSALS, type Refusals } from '../../src/membership/refusals.js'
import { type Cause, NO_SILENCE, type Silence } from '../../src/membership/silence.js'
import {
  initialState,
  type MembershipAction,
  type MembershipState,
  type SentinelNews,
} from '../../src/membership/state.js'
import { step } from '../../src/membership/step.js'

/**
 * A story is the golden transcript of a membership machine: lines with `>` are what happens, the lines below each are
 * what it does. A story is right when telling its events again gives the same text.
 *
 *     > s1 s2 poll dt-1 dt-2!odown dt-3@10.0.0.9      two Sentinels answer, with flags and addresses
 *     > s1 polls in tilt dt-1
 *     > s1 polls dt-1~500!sdown                       it answered this Sentinel 500 ms ago, which waits for 1000 ms
 *     > s1 says +odown dt-1                           pub/sub; +switch-master and +monitor take name@address
 *     > s1 is lost
 *     > link dt-1 dt-2 up                             or: down
 *     > removed before dt-2 dt-3                      the markers say so
 *     > added dt-2                                    the operator says so
 *     > silent dt-1 dt-2 of dt-1+dt-2 dt-2+dt-3       they say nothing from now on; the ranges are on these
 *     > silent of dt-1+dt-2 dt-2+dt-3                 all answer again
 *     > silent dt-1 of dt-1+dt-2 by script            it is known to execute one
 *     > silent dt-1 of dt-1+dt-2 while it is sent    it takes what it is sent
 *     > refuse dt-2 dt-3, dt-3 alone                  their marker from now on, and who of them has a range alone
 *     > refuse nobody, nobody alone
 *     > 300 ms pass                                   with ticks
 *     > we are stopped for 5000 ms
 */
export class Story {
  private state: MembershipState
  private nowMs = 1_000_000
  private silence: Silence = NO_SILENCE
  private refusals: Refusals = NO_REFUSALS

  constructor(options: { sentinels?: number } = {}) {
    const names = Array.from({ length: options.sentinels ?? 1 }, (_, i) => `s${i + 1}`)
    this.state = initialState(names, this.nowMs)
  }

  /** A running ring whose Sentinels have just answered. */
  static ofRing(members: string, options: { sentinels?: number } = {}): Story {
    const story = new Story(options)
    story.tell(`${[...story.state.sentinels.keys()].join(' ')} poll ${members}`)
    story.tell(`link ${members} up`)
    return story
  }

  /** Checks that the events of a transcript have the consequences that it says. */
  check(t: Test, transcript: string): void {
    const expected = trimmed(transcript)
    const told = expected.flatMap((line) => (line.startsWith('>') ? [line, ...this.tell(line.slice(2))] : []))
    t.equal(told.join('\n'), expected.join('\n'))
  }

  private tell(line: string): string[] {
    const words = line.split(' ')
    const from = (word: string) => words.slice(words.indexOf(word) + 1)
    const sentinels = words.filter((word) => this.state.sentinels.has(word))
    if (line.endsWith('ms pass')) {
      const told: string[] = []
      for (let left = Number(words[0]); left > 0; left -= 100)
        told.push(...this.feed({ type: 'tick', silence: this.silence, refusals: this.refusals }, 100))
      return told
    }
    if (line.startsWith('we are stopped')) {
      this.nowMs += Number(words[4])
      return []
    }
    if (line.startsWith('the machine slept')) return this.feed({ type: 'paused', ms: Number(words[4]) })
    if (words[0] === 'silent') {
      const names = words.slice(1, words.indexOf('of'))
      const since = new Map(names.map((name) => [name, this.silence.since.get(name) ?? this.nowMs]))
      const sets = from('of').filter((word) => word.includes('+'))
      const cause = words[words.indexOf('by') + 1]
      const busy = new Map(!words.includes('by') ? [] : names.map((name) => [name, cause as Cause]))
      const sending = new Set(line.endsWith('while it is sent') ? names : [])
      this.silence = { since, sets: sets.map((set) => set.split('+')), busy, sending }
      return []
    }
    if (words[0] === 'refuse') {
      const [refusing, alone] = line.split(', ').map((part) => part.match(/dt-\d/g) ?? [])
      this.refusals = { reasons: new Map(refusing.map((name) => [name, 'OOM'])), indispensable: new Set(alone) }
      return []
    }
    if (words[0] === 'link') {
      const up = words.at(-1) === 'up'
      return words
        .slice(1, -1)
        .flatMap((name) =>
          this.feed(up ? { type: 'link up', name } : { type: 'link down', name, reason: 'ECONNREFUSED' }),
        )
    }
    if (words[0] === 'removed') return this.feed({ type: 'removed before', names: words.slice(2) })
    if (line.includes('told to forget')) return this.feed({ type: 'told to forget', name: words.at(-1)!, sentinels })
    if (words[0] === 'added') return this.feed({ type: 'added', name: words[1] })
    if (words.includes('lost')) {
      return sentinels.flatMap((sentinel) => this.feed({ type: 'sentinel lost', sentinel, reason: 'ECONNREFUSED' }))
    }
    if (words.includes('says') || words.includes('say')) {
      const [kind, about = ''] = from(words.includes('says') ? 'says' : 'say')
      const news = { kind, ...addressed(about) } as SentinelNews
      return sentinels.flatMap((sentinel) => this.feed({ type: 'sentinel said', sentinel, news }))
    }
    const tilt = line.includes(' in tilt')
    const masters = from(tilt ? 'tilt' : words.includes('poll') ? 'poll' : 'polls').map((word) => {
      const [about, flag] = word.split('!')
      const [master, ago] = about.split('~')
      const answered = ago === undefined ? {} : { answeredAgoMs: Number(ago), downAfterMs: 1000 }
      return { ...addressed(master), sdown: flag !== undefined, odown: flag === 'odown', ...answered }
    })
    return sentinels.flatMap((sentinel) => this.feed({ type: 'sentinel polled', sentinel, masters, tilt }))
  }

  private feed(event: Untimed, afterMs = 10): string[] {
    this.nowMs += afterMs
    const before = JSON.stringify(flat(this.state))
    const previous = this.state
    const { state, actions } = step(previous, { ...event, nowMs: this.nowMs })
    if (JSON.stringify(flat(previous)) !== before) throw new Error('step changed the state that it was given')
    this.state = state
    return actions.map((action) => `  ${actionText(action)}`)
  }
}

type Untimed = Parameters<typeof step>[1] extends infer Event
  ? Event extends unknown
    ? Omit<Event, 'nowMs'>
    : never
  : never

/** `dt-3` lives at 10.0.0.3, unless the text says `dt-3@address`. */
function addressed(text: string): { name: string; host: string; port: number } {
  const [name, host] = text.split('@')
  return { name, host: host ?? `10.0.0.${name.split('-')[1]}`, port: 6379 }
}

function actionText(action: MembershipAction): string {
  switch (action.type) {
    case 'publish': {
      const members = action.members.map(({ name, state }) => (state === 'up' ? name : `${name}(${state})`))
      return `publish ${members.join(' ') || 'nobody'}`
    }
    case 'connect':
      return `connect ${action.name} ${action.host}`
    case 'disconnect':
      return `disconnect ${action.name}`
    case 'reset':
      return `reset ${action.name}: ${action.reason}`
    case 'forget':
      return `forget ${action.name}`
    case 'note removed':
      return 'note removed'
    case 'log':
      return `${action.level}: ${action.message}`
  }
}

function trimmed(transcript: string): string[] {
  const lines = transcript.split('\n').filter((line) => line.trim() !== '')
  const indent = Math.min(...lines.map((line) => line.search(/\S/)))
  return lines.map((line) => line.slice(indent).trimEnd())
}

function flat(value: unknown): unknown {
  if (value instanceof Map) return [...value].map(([key, inner]) => [key, flat(inner)])
  if (value instanceof Set) return [...value]
  if (Array.isArray(value)) return value.map(flat)
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([key, inner]) => [key, flat(inner)])
  }
  return value
}
