import type {
  AsksAll,
  BehindMulti,
  Choice,
  Databases,
  Elements,
  EndsDeadline,
  Gather,
  KeyFinder,
  Leaves,
  Merge,
  OtherDb,
  Plan,
  Replicate,
  Route,
  RowShape,
  ScriptVerb,
  Time,
  Waits,
  WhileListening,
} from './row.js'

/**
 * The part of the command table that is written by hand, one row a command [design §5 Command table]:
 *
 *     ['lpop', 'key', 'apply', { shape: 'optional-array' }]
 *       name    route  replicate  what is not as in most rows
 *
 * - name: a subcommand is `container|sub`. A container (`client`) has a row too, for `CLIENT` without arguments, which
 *   is an arity error.
 * - route: where the command goes, see `Route`. `unsupported` commands have the other columns right already.
 * - replicate: how a write reaches all replicas, see `Replicate`; `none` is a read. It is not Redis's flag `write`:
 *   PFCOUNT is flagged readonly and writes.
 * - merge: for `split`, and reads of several streams, how the parts' replies become one.
 * - plan: for commands on single elements of several keys, how they are served over several servers, see `Plan`.
 * - gather: the same for commands that need whole values, see `Gather`; reads of several keys need not say it.
 * - script: for the route `script`, what is to be done, see `ScriptVerb`.
 * - keys: how the keys are found when first, last and step do not say it.
 * - arity: where a newer Redis takes more arguments than 7.0: the server refuses those that it does not know.
 * - shape: how the RESP3 reply differs from RESP2 beyond the generic rules [redis-facts, first table].
 * - compare: false where equal replicas may answer differently: values the server chooses, orders of hash tables,
 *   times, memory layout [redis-facts, How writes replicate].
 * - options: for writes with words among their arguments, which words there are and where, see `optionsOf`. What has
 *   another one is copied from its master, as the table cannot know what it does.
 * - plain: for writes in mode `apply`, or `absolute`, that have no words and no time with so many arguments and are nearly
 *   always answered OK: they go a quicker way [design §11 H].
 * - binds: where what is found in one key gets into another although the row names only one of them, see `CommandRow`.
 * - reads: for writes that write nothing in some forms, the command that reads the same, and the words without which they do so.
 * - values: where the reply to a write may have what a key holds, and be large.
 * - otherDb: where a database is named in which the command has a key, too.
 * - most: of a command that is answered here, or by a member for all, how many words it may have: where each of them costs as much
 *   as a small command.
 * - note: for the route `refused` the reason, with which its error ends; of others in what they are not as in Redis, where a reader
 *   of docs/commands.md has to know it.
 * - time: of a write in mode `absolute`, how the time stands in it that its key gets.
 * - ends: where the deadline that the key had before is gone in any case.
 * - choice: in mode `master-first`, what is left to the server.
 * - elements: of a write of which its words tell which elements it changes, where these stand.
 * - waits: for the route `blocking`, for what it waits, see `Waits`.
 * - leaves: of a write behind which a key may hold what somebody waits for, see `Leaves`.
 * - multi: of a command that is not queued between MULTI and EXEC, what becomes of it there.
 * - listening: of a command that a client may send while it listens, how it is answered then, see `WhileListening`.
 * - owner: it tells, or is told, what happens in other clients: see `ownersOnly`. What listens, publishes, waits or runs a script need not say it.
 * - selects: the commands behind it have another database.
 * - protected: a setting says who may send it, see `CommandRow`.
 * - asks: for the route `members`, what the command wants to know of all keys, see `AsksAll`.
 * - databases: of a command that empties whole databases or exchanges two of them, which.
 * - oneTurn: of a command for all members that is emitted in one turn, so that it can leave with others of a transaction.
 */
export type OverlayRow = readonly [name: string, route: Route, replicate: Replicate, more?: OverlayMore]

export interface OverlayMore {
  readonly merge?: Merge
  readonly plan?: Plan
  readonly gather?: Gather
  readonly script?: ScriptVerb
  readonly keys?: KeyFinder
  readonly arity?: number
  readonly shape?: RowShape
  readonly compare?: false
  readonly options?: string
  readonly plain?: number
  readonly binds?: true
  readonly otherDb?: OtherDb
  readonly time?: Time
  readonly ends?: EndsDeadline
  readonly choice?: Choice
  readonly elements?: Elements
  readonly most?: number
  readonly note?: string
  readonly reads?: string
  readonly values?: true
  readonly oneTurn?: true
  readonly databases?: Databases
  readonly asks?: AsksAll
  readonly waits?: Waits
  readonly leaves?: Leaves
  readonly multi?: BehindMulti
  readonly listening?: WhileListening
  readonly owner?: true
  readonly selects?: true
  readonly protected?: true
}
