import fc from 'fast-check'
import type { CommandDocs } from '../conformance/command-docs.js'
import { array, type Request, requests } from './requests.js'

/** One connection of somebody who means no good, or does not know better: what it says, in which pieces, and how it ends. */
export interface Session {
  readonly number: number
  /** `garbage`: what is no TLS, at the door for TLS. */
  readonly door: 'plain' | 'tls' | 'garbage'
  readonly kind: 'whole' | 'any' | 'mutated' | 'announced' | 'flood' | 'drip'
  /** Bytes, and a pause behind them. */
  readonly chunks: readonly { readonly bytes: Buffer; readonly pauseMs: number }[]
  readonly reads: boolean
  readonly end: 'waits' | 'half-closes' | 'breaks off'
  /** How many replies there have to be; undefined where that is not sure. */
  readonly replies: number | undefined
}

/** Sessions are made so many at a time. */
const BLOCK = 25
const MUTATIONS = ['flip', 'insert', 'delete', 'repeat', 'cut'] as const

type Said = Pick<Session, 'kind' | 'replies'> & {
  readonly bytes: Buffer
  readonly pieces?: number
  readonly waits?: boolean
}

/** The sessions of a seed: the one with a number is the same in each run. */
export class Sessions {
  private readonly arbitrary: fc.Arbitrary<Omit<Session, 'number'>>
  private block: readonly Omit<Session, 'number'>[] = []
  private blockNumber = -1

  constructor(
    docs: readonly CommandDocs[],
    private readonly seed: number,
  ) {
    this.arbitrary = sessions(docs)
  }

  get(number: number): Session {
    const block = Math.floor(number / BLOCK)
    if (block !== this.blockNumber) {
      this.block = fc.sample(this.arbitrary, { seed: (this.seed * 1_000_003 + block) | 0, numRuns: BLOCK })
      this.blockNumber = block
    }
    return { ...this.block[number % BLOCK], number }
  }
}

function sessions(docs: readonly CommandDocs[]): fc.Arbitrary<Omit<Session, 'number'>> {
  const { whole, any } = requests(docs)
  const several = (request: fc.Arbitrary<Request>) => fc.array(request, { minLength: 1, maxLength: 40, size: 'max' })
  const joined = (list: readonly Request[]) => Buffer.concat(list.map(({ bytes }) => bytes))
  const said: fc.Arbitrary<Said> = fc.oneof(
    {
      weight: 4,
      arbitrary: several(whole).map((list) => ({
        kind: 'whole' as const,
        replies: list.length,
        waits: list.some(({ waits }) => waits),
        bytes: joined(list),
      })),
    },
    {
      weight: 4,
      arbitrary: several(any).map((list) => ({ kind: 'any' as const, replies: undefined, bytes: joined(list) })),
    },
    {
      weight: 4,
      arbitrary: fc.tuple(several(any), mutations).map(([list, changes]) => ({
        kind: 'mutated' as const,
        replies: undefined,
        bytes: mutated(joined(list), changes),
      })),
    },
    { weight: 1, arbitrary: announced.map((bytes) => ({ kind: 'announced' as const, replies: undefined, bytes })) },
    {
      weight: 1,
      arbitrary: fc.tuple(whole, fc.integer({ min: 100, max: 3000 })).map(([{ bytes }, times]) => flood(bytes, times)),
    },
    {
      weight: 1,
      arbitrary: several(any).map((list) => {
        const bytes = joined(list).subarray(0, 150)
        return { kind: 'drip' as const, replies: undefined, bytes, pieces: bytes.length }
      }),
    },
  )
  const greeting = fc.tuple(fc.constantFrom<2 | 3 | undefined>(2, 3, undefined), fc.boolean())
  const how = fc.record({
    door: fc.oneof(
      { weight: 8, arbitrary: fc.constant('plain' as const) },
      { weight: 3, arbitrary: fc.constant('tls' as const) },
      { weight: 1, arbitrary: fc.constant('garbage' as const) },
    ),
    reads: fc.integer({ min: 0, max: 5 }).map((luck) => luck > 0),
    end: fc.constantFrom('waits' as const, 'half-closes' as const, 'breaks off' as const),
    cuts: fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 20_000 })), {
      minLength: 1,
      maxLength: 20,
    }),
    pauses: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 10 }),
  })
  return fc
    .tuple(said, greeting, how)
    .map(([{ bytes, kind, replies, pieces, waits }, [proto, mayAll], { cuts, pauses, ...rest }]) => {
      const before: Buffer[] = []
      if (mayAll) before.push(array(['AUTH', 'all', 'secret'].map((word) => Buffer.from(word))))
      if (proto !== undefined) before.push(array(['HELLO', String(proto)].map((word) => Buffer.from(word))))
      const sizes = pieces === undefined ? cuts : [1]
      return {
        ...{ ...rest, kind },
        chunks: [...before.map((each) => ({ bytes: each, pauseMs: 0 })), ...cut(bytes, sizes, pauses)],
        replies:
          replies === undefined || rest.door === 'garbage' || (waits && rest.end === 'half-closes')
            ? undefined
            : replies + before.length,
      }
    })
}

/** The same request very often; nobody may read what is answered. */
function flood(bytes: Buffer, times: number): Said {
  const all = Buffer.concat(Array.from({ length: Math.min(times, Math.ceil(1_000_000 / bytes.length)) }, () => bytes))
  return { kind: 'flood', replies: undefined, bytes: all }
}

/** Much is announced, and does not come. */
const announced = fc
  .tuple(
    fc.constantFrom(
      '*2\r\n$4\r\nECHO\r\n$',
      '*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$',
      '*',
      '*1048576\r\n$4\r\nMSET\r\n$',
      '*2\r\n$',
    ),
    fc.constantFrom('536870912', '2147483647', '1048576', '1000000', '300000000', '65537', '9223372036854775807'),
    fc.integer({ min: 0, max: 200_000 }),
  )
  .map(([start, number, more]) => Buffer.concat([Buffer.from(`${start}${number}\r\n`), Buffer.alloc(more, 'x')]))

const mutations = fc.array(
  fc.record({
    kind: fc.constantFrom(...MUTATIONS),
    at: fc.integer({ min: 0, max: 999_999 }),
    byte: fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...Buffer.from('\r\n*$0193-"\' \0'))),
    length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 60 })),
  }),
  { minLength: 1, maxLength: 12 },
)

interface Mutation {
  readonly kind: (typeof MUTATIONS)[number]
  readonly at: number
  readonly byte: number
  readonly length: number
}

function mutated(bytes: Buffer, changes: readonly Mutation[]): Buffer {
  let all = bytes
  for (const { kind, at, byte, length } of changes) {
    const place = Math.floor((at * all.length) / 1_000_000)
    const [before, behind] = [all.subarray(0, place), all.subarray(place)]
    const piece = behind.subarray(0, length)
    if (kind === 'flip') all = Buffer.concat([before, Buffer.from([byte]), behind.subarray(1)])
    else if (kind === 'insert') all = Buffer.concat([before, Buffer.alloc(length, byte), behind])
    else if (kind === 'delete') all = Buffer.concat([before, behind.subarray(length)])
    else if (kind === 'repeat') all = Buffer.concat([before, piece, piece, behind.subarray(length)])
    else all = Buffer.concat([before, behind.subarray(0, -length)])
  }
  return all
}

/** The bytes in pieces of these sizes, over and over. */
function cut(bytes: Buffer, sizes: readonly number[], pauses: readonly number[]): Session['chunks'] {
  const chunks: { bytes: Buffer; pauseMs: number }[] = []
  // Many small pieces of much would only take long.
  const least = Math.ceil(bytes.length / 400)
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(sizes[i % sizes.length], least)
    chunks.push({ bytes: bytes.subarray(at, at + size), pauseMs: pauses[i % pauses.length] })
    at += size
  }
  return chunks
}
