import { existsSync } from 'node:fs'

/** Where package.json is, and what else is read beside the program: above its modules as well as above what is made of them. */
export const packageRoot: URL = rootAbove(new URL(import.meta.url))

function rootAbove(url: URL): URL {
  const directory = new URL('.', url)
  return existsSync(new URL('package.json', directory)) ? directory : rootAbove(new URL('..', directory))
}
