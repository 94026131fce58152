import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { UserError } from '../base/user-error.js'
import { environmentName, schema, secretNames, settingNames } from './settings.js'
import { readYamlFile, type YamlFile } from './yaml-file.js'

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** Every setting, checked, with defaults filled in, frozen. What they mean is in conf/dt.yaml and settings.ts. */
export type Config = DeepReadonly<z.output<typeof schema>>

/** Settings given by the caller, in the shape of the YAML file. */
export type ConfigInput = z.input<typeof schema>

/** Settings that cannot be used. The message has one line for each: where, which setting, and what it must be. */
export class ConfigError extends UserError {
  override name = 'ConfigError'
}

export interface ConfigSources {
  /** Path of a YAML file; that of the variable `DT_CONFIG_FILE` when absent. */
  file?: string
  /** The environment; the process's own when absent. An empty variable counts as absent, as compose files give it. */
  env?: Readonly<Record<string, string | undefined>>
  /** What the command line says. */
  overrides?: ConfigInput
}

/** Names the file where no option can: for a health check, or a whole shell of an operator. */
export const FILE_VARIABLE = 'DT_CONFIG_FILE'

/** The password of the source of an import, which belongs into no list of processes. */
export const SOURCE_PASSWORD_VARIABLE = 'DT_IMPORT_PASSWORD'

/** What that variable says. */
export function sourcePassword(env: Readonly<Record<string, string | undefined>> = process.env): string | undefined {
  return env[SOURCE_PASSWORD_VARIABLE] || undefined
}

type Tree = Record<string, Record<string, unknown>>

/**
 * Settings from, in growing weight: defaults, the YAML file, `DT_<SECTION>_<NAME>` variables, `overrides`.
 * Throws `ConfigError` naming each wrong or unknown setting with the file and line, or variable, that it came from.
 */
export function loadConfig(sources: ConfigSources = {}): Config {
  const env = sources.env ?? process.env
  const path = sources.file ?? (env[FILE_VARIABLE] || undefined)
  const file = path === undefined ? undefined : readFile(path)
  const tree = asTree(file)
  const variables = applyEnvironment(tree, env)
  applyOverrides(tree, sources.overrides ?? {})

  readSecrets(tree, file, variables)
  const result = schema.safeParse(tree)
  if (result.success) return deepFreeze(result.data)
  throw new ConfigError(result.error.issues.flatMap((issue) => describe(issue, tree, file, variables)).join('\n'))
}

function readFile(path: string): YamlFile {
  try {
    return readYamlFile(path)
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}

/**
 * Puts the passwords into the tree that are given as files of their own: `auth.passwordFile` for `auth.password`. The line end that an
 * editor leaves does not belong to it.
 */
function readSecrets(tree: Tree, file: YamlFile | undefined, variables: Map<string, string>): void {
  for (const [section, name] of settingNames()) {
    const path = tree[section]?.[`${name}File`]
    if (name !== 'password' || typeof path !== 'string') continue
    const where =
      variables.get(`${section}.passwordFile`) ??
      `${whereInFile(file, [section, 'passwordFile'])}${section}.passwordFile`
    if (tree[section].password !== undefined) {
      throw new ConfigError(`${where} must not be given beside ${section}.password`)
    }
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (error) {
      throw new ConfigError(`${where} cannot be read: ${(error as Error).message}`)
    }
    tree[section] = { ...tree[section], password: text.replace(/\r?\n$/, '') }
  }
}

/** A section that has only comments is null in YAML, and means a section without settings. */
function asTree(file: YamlFile | undefined): Tree {
  const entries = Object.entries(file?.content ?? {}).map(([name, value]) => [name, value ?? {}])
  const tree = Object.fromEntries(entries) as Tree
  for (const section of Object.keys(schema.shape)) {
    const value: unknown = Object.hasOwn(tree, section) ? tree[section] : {}
    if (typeof value === 'object' && !Array.isArray(value)) continue
    throw new ConfigError(`${whereInFile(file, [section])}${section} must hold settings, as \`name: value\` below it`)
  }
  return tree
}

/**
 * Puts the variables' texts into the tree and returns where each came from (`ring.replicas` → `DT_RING_REPLICAS`).
 * An unknown variable that begins like one of ours, or nearly is one, is an error, because it is a misspelt setting. The
 * variables that Kubernetes makes for a service called `dt` or `dt-ring` are not, nor are those of other programs.
 */
function applyEnvironment(tree: Tree, env: Readonly<Record<string, string | undefined>>): Map<string, string> {
  const origins = new Map<string, string>()
  const known = new Map(settingNames().map(([section, name]) => [environmentName(section, name), { section, name }]))
  const prefixes = [...new Set(settingNames().map(([section]) => environmentName(section, '')))]
  for (const [variable, value] of Object.entries(env)) {
    if (value === undefined || value === '') continue
    const setting = known.get(variable)
    if (setting) {
      const section = Object.hasOwn(tree, setting.section) ? tree[setting.section] : {}
      tree[setting.section] = { ...section, [setting.name]: value }
      origins.set(`${setting.section}.${setting.name}`, variable)
    } else if (variable.startsWith('DT_') && variable !== FILE_VARIABLE && !isServiceLink(variable, value)) {
      const guess = suggestion(variable, [...known.keys()])
      if (guess === '' && !prefixes.some((prefix) => variable.startsWith(prefix))) continue
      throw new ConfigError(`unknown setting ${variable} in the environment${guess}`)
    }
  }
  return origins
}

function isServiceLink(variable: string, value: string): boolean {
  if (/_PORT$/.test(variable) && !/_SERVICE_PORT$/.test(variable)) return /^(tcp|udp|sctp):\/\//.test(value)
  return /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?$/.test(variable)
}

function applyOverrides(tree: Tree, overrides: ConfigInput): void {
  for (const [section, settings] of Object.entries(overrides)) {
    const given = Object.entries(settings ?? {}).filter(([, value]) => value !== undefined)
    if (given.length > 0) tree[section] = { ...tree[section], ...Object.fromEntries(given) }
  }
}

type Issue = z.core.$ZodIssue

function describe(issue: Issue, tree: Tree, file: YamlFile | undefined, variables: Map<string, string>): string[] {
  const path = issue.path.map(String)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const names = path.length === 0 ? Object.keys(schema.shape) : namesIn(path[0])
      const guess = suggestion(key, names, path.length === 0 ? '' : `${path[0]}.`)
      return `${whereInFile(file, [...path, key])}unknown setting ${[...path, key].join('.')}${guess}`
    })
  }
  const [section, name] = path
  const setting = `${section}.${name}`
  const value = tree[section]?.[name]
  const shown = secretNames.has(name) || value === undefined ? '' : `, not ${brief(value)}`
  const variable = variables.get(setting)
  if (variable !== undefined) return [`${variable} ${issue.message}${shown}`]
  return [`${whereInFile(file, path)}${setting} ${issue.message}${shown}`]
}

function whereInFile(file: YamlFile | undefined, path: string[]): string {
  const line = file?.lineOf(path)
  return line === undefined ? '' : `${file?.path}:${line}: `
}

function namesIn(section: string): string[] {
  return settingNames().flatMap(([of, name]) => (of === section ? [name] : []))
}

function brief(value: unknown): string {
  const json = JSON.stringify(value)
  return json.length > 60 ? `${json.slice(0, 60)}…` : json
}

/** ` (did you mean x?)` when one of `names` is at most two typing errors away. */
function suggestion(word: string, names: readonly string[], prefix = ''): string {
  const best = names
    .map((name) => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0]
  return best && best.distance <= 2 ? ` (did you mean ${prefix}${best.name}?)` : ''
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]
}

function deepFreeze<T>(value: T): DeepReadonly<T> {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value as DeepReadonly<T>
}
