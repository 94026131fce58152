import type { Shape } from '../resp/resp3-to-resp2.js'
import type { Options } from './options.js'

/**
 * One row of the command table. The generated part (name to categories) is what a live Redis says of the command in
 * `COMMAND`; the other columns are the overlay, written by hand [design §5, §6, §7].
 */
export interface CommandRow {
  /** Lower case; a subcommand is `container|sub`, as Redis itself names it. */
  readonly name: string
  /** As in Redis: the exact number of arguments with the name, or minus the least number. */
  readonly arity: number
  /** The arity of Redis 7.0, where newer servers take more arguments. */
  readonly oldArity: number
  /** Redis's flags in its order: write, readonly, denyoom, admin, blocking, … */
  readonly flags: readonly string[]
  /** The first three key numbers of COMMAND: first, last (negative: from the end), step. */
  readonly firstKey: number
  readonly lastKey: number
  readonly keyStep: number
  /** How the keys are found when firstKey..lastKey does not say it (`movablekeys`): a name in `keys.ts`. */
  readonly keyFinder: KeyFinder
  /** For `numkeys`: the index of the argument that says how many keys follow it; else 0. */
  readonly numkeysAt: number
  readonly route: Route
  readonly replicate: Replicate
  /** The number of its class, see command-class.ts. */
  readonly timedAs: number
  /** For commands that are sent in parts: how the parts' replies become one. */
  readonly merge: Merge
  /** How it is served when its keys are on several servers: see serving/several/plans. */
  readonly plan: Plan | undefined
  /** How it is served when it needs whole values of keys on several servers: see serving/several/gather. */
  readonly gather: Gather | undefined
  /** For the routes `script` and `function`: what is to be done. */
  readonly script: ScriptVerb | undefined
  /** How the reply's RESP3 form differs from RESP2 beyond the generic rules [redis-facts, first table]; see `replyShape`. */
  readonly shape: RowShape
  /** Whether what a key holds may be in the reply, which may be large then: of all reads, and of few writes. */
  readonly answersValues: boolean
  /** Whether equal replicas must answer equally, so that a backup's reply is compared with the master's. */
  readonly compare: boolean
  /** The words that the command may have beside keys and values, where that matters: see options.ts. */
  readonly options: Options | undefined
  /** For writes that write nothing in some forms: see reading-form.ts. */
  readonly reading: Reading | undefined
  /** With so many arguments it is a write without words and time that is nearly always answered OK; 0 for all others. */
  readonly plainArgc: number
  /** Only the servers know the command: the rest of the row was made of what they say. */
  readonly learnt: boolean
  /**
   * A write that may leave in one of its keys what it found in another (RENAME, LMOVE, ZUNIONSTORE, MOVE): a doubt about one
   * of them is a doubt about all.
   */
  readonly binds: boolean
  /** Where a database is named in which the command has a key, too. */
  readonly otherDb: OtherDb | undefined
  /** For the route `members`: it is emitted to all of them in one turn, so it can stand between MULTI and EXEC [transaction/wide.ts]. */
  readonly oneTurn: boolean
  /** What becomes of whole databases by it. */
  readonly databases: Databases | undefined
  /** How the time stands in it that its key gets: of all in mode `absolute`. */
  readonly time: Time | undefined
  /** Whether the deadline that its key had before is gone in any case. */
  readonly endsDeadline: EndsDeadline | undefined
  /** For the mode `master-first`: what is left to the server, see serving/effects. */
  readonly choice: Choice | undefined
  /** Which arguments name all elements of its value that a write may change; undefined where they do not say it. */
  readonly elements: Elements | undefined
  /** For the route `members`: what it wants to know of all keys, if it is that. */
  readonly asksAll: AsksAll | undefined
  /** For the route `blocking`: for what it waits, and what it does then. */
  readonly waits: Waits | undefined
  /** What a write may leave under its keys that somebody may be waiting for. */
  readonly leaves: Leaves | undefined
  /** What becomes of it between MULTI and EXEC, where it is not queued. */
  readonly behindMulti: BehindMulti | undefined
  /** Whether a setting says who may send it, before anything else is asked [Redis server.h CMD_PROTECTED]. */
  readonly isProtected: boolean
  /** How a client is answered that speaks RESP2 and listens; undefined when it may not send it: its reply might be taken for a message. */
  readonly whileListening: WhileListening | undefined
  /** What it does, or promises, is wrong when another proxy serves the ring: who listens there, who writes there what is waited for here. */
  readonly ownersOnly: boolean
  /** The commands behind it have another database. */
  readonly selects: boolean
  /** More words, with the name, a command that is answered here may not have; 0 where it may have any number. */
  readonly wordsMax: number
  /** For the route `refused`, why; of all others in what they are not as in Redis. */
  readonly note: string
  /** Of a row made for the command of one user who may not do everything: what its script may do. */
  readonly rights: ScriptRights | undefined
  /** Rows of the subcommands by lower-case name, for container commands (`client`, `object`, …). */
  readonly subcommands: ReadonlyMap<string, CommandRow> | undefined
}

/** What a user may do, as tables of Lua. */
export interface ScriptRights {
  /** Its name, in latin1. */
  readonly user: string
  readonly rights: string
  readonly accesses: string
}

export interface Reading {
  /** The command that reads the same. */
  readonly name: string
  /** In lower case; with one of them it writes. */
  readonly writing: ReadonlySet<string>
}

export type KeyFinder =
  | 'range' // firstKey, lastKey, keyStep
  | 'none'
  | 'numkeys' // a count argument followed by that many keys (with an optional destination before it)
  | 'streams' // after STREAMS, the first half of what remains
  | 'sort' // first argument, and the one after STORE
  | 'store' // first argument, and the one after STORE or STOREDIST
  | 'migrate'

/** The shape of a command's reply; for a few commands it depends on the number of arguments, see `replyShape`. */
export type RowShape =
  | Shape
  | 'optional-array' /* LPOP: `null-array` with more than the least arguments, else `generic` */

export type OtherDb =
  | 'argument' // MOVE key db
  | 'option' // COPY source destination [DB db]

export type Databases =
  | 'all emptied' // FLUSHALL [ASYNC|SYNC]
  | 'one emptied' // FLUSHDB [ASYNC|SYNC]: the one that is selected
  | 'exchanged' // SWAPDB one other

export type Time =
  | 'words' // SET key value [EX s | PX ms | EXAT s | PXAT ms], GETEX key [EX s …]
  | 's value' // SETEX key s value
  | 'ms value' // PSETEX key ms value
  | 's' // EXPIRE key s
  | 'ms' // PEXPIRE key ms
  | 'at s' // EXPIREAT key s
  | 'at ms' // PEXPIREAT key ms
  | 'payload' // RESTORE key ms payload [ABSTTL]

export type EndsDeadline =
  | 'always' // GETSET, MSET, DEL, SETEX …
  | 'plain' // SET, as long as it has no other words than GET and a time

export type Choice =
  | 'members' // SPOP: which members
  | 'id' // XADD: the id, and what an approximate trim removes
  | 'trim' // XTRIM: what an approximate trim removes
  | 'claimed' // XAUTOCLAIM: what is idle for long enough

/** Where the names of elements stand behind the key. */
export type Elements =
  | 'each' // SREM key member [member …]
  | 'firsts' // HSET key field value [field value …]
  | 'seconds' // ZADD key [words] score member [score member …]
  | 'ids' // XDEL key id [id …]
  // None but those at the ends of a list:
  | 'pushed-left' // LPUSH key element [element …]
  | 'pushed-right'
  | 'pushed-left-if-any' // LPUSHX: if there is a list
  | 'pushed-right-if-any'
  | 'popped-left' // LPOP key [count]
  | 'popped-right'
  | 'popped-first' // LMPOP numkeys key … where [COUNT n]
  | 'moved' // LMOVE source destination from to
  | 'moved-right-left' // RPOPLPUSH source destination
  | 'trimmed' // LTRIM key start stop
  // Bytes of a string; what they add lies behind all that was there:
  | 'bytes-behind' // APPEND key value
  | 'bytes' // SETRANGE key offset value
  | 'bit' // SETBIT key offset value
  | 'bit-fields' // BITFIELD key [GET type offset | SET type offset value | …] …
  | 'beside' // none that lies between others: XADD and trims, at the ends of a stream; its groups, and what is pending in them

/** What a command for all members wants to know of all keys. */
export type AsksAll = 'walk' | 'names' | 'number' | 'some-name'

export type BehindMulti =
  | 'executes' // EXEC: served at once; refused, it ends what it was to execute
  | 'at once' // served as always, if only to say that it may not stand there
  | 'refused' // what would change whether EXEC's own reply is sent, or the ring, before it is known whether anything is executed

export type WhileListening = 'as always' | 'as a message' // PING

/** Where a command goes. */
export type Route =
  | 'local' // answered by the proxy itself
  | 'channels' // publish and subscribe: by the proxy itself, in the order of its effects
  | 'key' // all keys on one replica set: a single key, or several that must have the same replica set
  | 'split' // cut into parts by replica set, the replies merged
  | 'members' // a special way of serving over every member: see serving/keyspace/keyspace
  | 'any' // no key and no effect: any one member can answer (HELP texts, READONLY, …)
  | 'blocking' // waits until a key holds something: see serving/blocking
  | 'script' // runs a script, or keeps it: see serving/script
  | 'function' // the same of functions: see serving/function
  | 'refused' // never served: `-ERR '<command>' is refused by this proxy: <note>; nothing was done`
  | 'unsupported' // `-ERR '<command>' is not supported yet by this proxy`

/** How a write reaches all replicas [design §7]. `none` is a read. */
export type Replicate = 'none' | 'apply' | 'absolute' | 'master-first' | 'copy'

export type Plan =
  | 'move-element' // LMOVE source destination [from] [to]
  | 'move-member' // SMOVE source destination member
  | 'pop-elements' // LMPOP numkeys key … where [COUNT n]
  | 'pop-members' // ZMPOP numkeys key … which [COUNT n]
  | 'set-all' // MSETNX key value …
  | 'set-until' // MSETEX numkeys key value … [NX|XX] [EX s|PX ms|EXAT s|PXAT ms|KEEPTTL]
  | 'read-streams' // XREADGROUP GROUP group consumer … STREAMS key … id …

/** Which of the keys of a command are written, and what it reads besides. */
export type Gather =
  | 'read' // all keys are read
  | 'store-first' // the first one is set to what the others give, whatever it held
  | 'store-last' // the same of the last one, if there are two
  | 'update-first' // the first one is read, too
  | 'rename' // RENAME source destination
  | 'rename-new' // RENAMENX source destination
  | 'copy' // COPY source destination [DB n] [REPLACE]
  | 'sort' // the first key, and those that patterns name; the second one is set

/** What is done when one of the keys holds something. */
export type Waits =
  | 'pop-left' // BLPOP key … timeout
  | 'pop-right' // BRPOP key … timeout
  | 'pop-elements' // BLMPOP timeout numkeys key … where [COUNT n]
  | 'pop-least' // BZPOPMIN key … timeout
  | 'pop-most' // BZPOPMAX key … timeout
  | 'pop-members' // BZMPOP timeout numkeys key … which [COUNT n]
  | 'move-element' // BLMOVE source destination from to timeout

/** What a key may hold behind a write that it did not hold before, as far as clients may wait for that. */
export type Leaves =
  | 'elements' // a list, with the arguments behind the key
  | 'an-element' // a list, with one more
  | 'list'
  | 'entry' // a stream, with one more
  | 'members' // a sorted set, with twos of arguments behind the key
  | 'sorted-set'
  | 'same' // nothing: it is a write of a stream that neither adds to it nor ends it, or one of its groups
  | 'any' // a value of any kind, as others have it

export type ScriptVerb =
  | 'run' // EVAL source numkeys key … arg …
  | 'run-kept' // EVALSHA sha numkeys key … arg …
  | 'keep' // SCRIPT LOAD source
  | 'has' // SCRIPT EXISTS sha …
  | 'show' // SCRIPT SHOW sha
  | 'forget' // SCRIPT FLUSH [ASYNC|SYNC]
  | 'end' // SCRIPT KILL, FUNCTION KILL
  | 'call' // FCALL function numkeys key … arg …
  | 'load-library' // FUNCTION LOAD [REPLACE] source
  | 'delete-library' // FUNCTION DELETE library
  | 'flush-libraries' // FUNCTION FLUSH [ASYNC|SYNC]
  | 'list-libraries' // FUNCTION LIST [LIBRARYNAME pattern] [WITHCODE]
  | 'dump-libraries' // FUNCTION DUMP
  | 'restore-libraries' // FUNCTION RESTORE payload [FLUSH|APPEND|REPLACE]
  | 'tell' // FUNCTION STATS

export type Merge =
  | 'none'
  | 'array' // MGET: in order of the keys
  | 'sum' // DEL, EXISTS …
  | 'ok' // MSET
  | 'streams' // XREAD, XREADGROUP: one part for each stream, those with something in their order
