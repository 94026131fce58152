import type { Teardown } from './proxy.js'

const SLICES = ['latin1Slice', 'utf8Slice', 'asciiSlice', 'hexSlice', 'base64Slice', 'ucs2Slice'] as const
const WRITES = ['latin1Write', 'utf8Write', 'asciiWrite'] as const

type Method = (this: Buffer, ...args: unknown[]) => unknown

/**
 * Until the end of the test no string longer than this can be made of a Buffer, nor written to one, as if that were the
 * engine's own limit, which is 512 MB.
 */
export function limitStrings(t: Teardown, lengthMax: number): void {
  const methods = Buffer.prototype as unknown as Record<string, Method>
  const replace = (name: string, sizeOf: (buffer: Buffer, args: unknown[]) => number) => {
    const original = methods[name]
    methods[name] = function (...args) {
      if (sizeOf(this, args) > lengthMax) throw new RangeError(`Cannot create a string longer than ${lengthMax}`)
      return original.apply(this, args)
    }
    t.teardown(() => {
      methods[name] = original
    })
  }
  for (const name of SLICES) {
    replace(name, (buffer, [start, end]) => Number(end ?? buffer.length) - Number(start ?? 0))
  }
  for (const name of WRITES) replace(name, (_, [text]) => String(text).length)
}
