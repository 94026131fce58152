import { elementsOf, fieldOf, integerOf, textOf } from '../resp/decode.js'
import type { Reply } from '../resp/encode.js'
import type { BeginSearch, CommandInfo, FindKeys, KeySpec } from './command-info.js'

/**
 * Reads a backend's answer to `COMMAND`, for `learn`. Entries that are not as Redis 7.0 or newer writes them are left
 * out, and numbers or texts that are missing become 0 and ''.
 */
export function parseCommandReply(reply: Reply): CommandInfo[] {
  return (elementsOf(reply) ?? []).flatMap((entry) => {
    const fields = elementsOf(entry)
    return fields === undefined || fields.length < 10 ? [] : [infoOf(fields)]
  })
}

function infoOf(fields: readonly Reply[]): CommandInfo {
  const [name, arity, flags, firstKey, lastKey, keyStep, categories, tips, keySpecs, subcommands] = fields
  return {
    name: (textOf(name) ?? '').toLowerCase(),
    arity: integerOf(arity) ?? 0,
    flags: texts(flags),
    firstKey: integerOf(firstKey) ?? 0,
    lastKey: integerOf(lastKey) ?? 0,
    keyStep: integerOf(keyStep) ?? 0,
    categories: texts(categories),
    tips: texts(tips),
    keySpecs: (elementsOf(keySpecs) ?? []).map(keySpecOf),
    subcommands: parseCommandReply(subcommands),
  }
}

function keySpecOf(reply: Reply): KeySpec {
  const notes = textOf(fieldOf(reply, 'notes') ?? null)
  return {
    ...(notes === undefined ? {} : { notes }),
    flags: texts(fieldOf(reply, 'flags') ?? null),
    beginSearch: beginSearchOf(fieldOf(reply, 'begin_search') ?? null),
    findKeys: findKeysOf(fieldOf(reply, 'find_keys') ?? null),
  }
}

function beginSearchOf(reply: Reply): BeginSearch {
  const spec = fieldOf(reply, 'spec') ?? null
  switch (textOf(fieldOf(reply, 'type') ?? null)) {
    case 'index':
      return { type: 'index', index: number(spec, 'index') }
    case 'keyword':
      return {
        type: 'keyword',
        keyword: textOf(fieldOf(spec, 'keyword') ?? null) ?? '',
        startfrom: number(spec, 'startfrom'),
      }
    default:
      return { type: 'unknown' }
  }
}

function findKeysOf(reply: Reply): FindKeys {
  const spec = fieldOf(reply, 'spec') ?? null
  const keystep = number(spec, 'keystep')
  switch (textOf(fieldOf(reply, 'type') ?? null)) {
    case 'range':
      return { type: 'range', lastkey: number(spec, 'lastkey'), keystep, limit: number(spec, 'limit') }
    case 'keynum':
      return { type: 'keynum', keynumidx: number(spec, 'keynumidx'), firstkey: number(spec, 'firstkey'), keystep }
    default:
      return { type: 'unknown' }
  }
}

function number(spec: Reply, field: string): number {
  return integerOf(fieldOf(spec, field) ?? null) ?? 0
}

function texts(reply: Reply): string[] {
  return (elementsOf(reply) ?? []).map((item) => textOf(item) ?? '')
}
