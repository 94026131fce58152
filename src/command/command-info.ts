/** What `COMMAND INFO` of a Redis server says of a command; the types of the generated table. */
export interface CommandInfo {
  readonly name: string
  readonly arity: number
  readonly flags: readonly string[]
  readonly firstKey: number
  readonly lastKey: number
  readonly keyStep: number
  readonly categories: readonly string[]
  readonly tips: readonly string[]
  readonly keySpecs: readonly KeySpec[]
  readonly subcommands: readonly CommandInfo[]
  /** Of which module it is, of those that are learnt. */
  readonly module?: string
}

/** One way to find keys in a command's arguments [Redis "key specifications"]. */
export interface KeySpec {
  readonly notes?: string
  readonly flags: readonly string[]
  readonly beginSearch: BeginSearch
  readonly findKeys: FindKeys
}

export type BeginSearch =
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'keyword'; readonly keyword: string; readonly startfrom: number }
  | { readonly type: 'unknown' }

export type FindKeys =
  | { readonly type: 'range'; readonly lastkey: number; readonly keystep: number; readonly limit: number }
  | { readonly type: 'keynum'; readonly keynumidx: number; readonly firstkey: number; readonly keystep: number }
  | { readonly type: 'unknown' }

/** What `COMMAND DOCS` says of a command. The fields stand in Redis's order. */
export interface CommandDoc {
  readonly summary?: string
  readonly since?: string
  readonly group: string
  readonly complexity?: string
  readonly doc_flags?: readonly string[]
  readonly deprecated_since?: string
  readonly replaced_by?: string
  readonly history?: readonly (readonly [string, string])[]
  readonly arguments?: readonly ArgumentDoc[]
  readonly subcommands?: Readonly<Record<string, CommandDoc>>
}

export interface ArgumentDoc {
  readonly name: string
  readonly type: string
  readonly key_spec_index?: number
  readonly token?: string
  readonly summary?: string
  readonly since?: string
  readonly deprecated_since?: string
  readonly flags?: readonly string[]
  readonly arguments?: readonly ArgumentDoc[]
}
