import type { LoadHook, ResolveHook } from 'node:module'

/*
 * Changes the text of one module of the proxy as it is loaded, in a process that was started with `--import register.js`.
 * Node runs this file in a thread of its own [Node: module.register].
 */

/** A change of one compiled file, which must have the text that is replaced: a defect that is not there proves nothing. */
export interface Patch {
  /** Below dist/src, with `.js`. */
  readonly file: string
  readonly replace: string
  readonly by: string
}

let patches: readonly Patch[] = []

export function initialize(data: { patches: readonly Patch[] }): void {
  patches = data.patches
}

export const resolve: ResolveHook = (specifier, context, next) => next(specifier, context)

export const load: LoadHook = async (url, context, next) => {
  const mine = patches.filter(({ file }) => url.endsWith(`/src/${file}`))
  const loaded = await next(url, context)
  if (mine.length === 0) return loaded
  let text = String(loaded.source)
  for (const { file, replace, by } of mine) {
    if (!text.includes(replace)) throw new Error(`the defect does not fit: ${file} has no ${JSON.stringify(replace)}`)
    text = text.replaceAll(replace, () => by)
  }
  return { ...loaded, source: text }
}
