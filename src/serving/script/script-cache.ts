import type { Script } from './script.js'

/** Those that clients only evaluated: so many are kept, the latest ones. */
const EVALUATED_MAX = 1000
/** Of all their sources together; what servers get of them is about as long again. */
const EVALUATED_BYTES_MAX = 32 * 1024 * 1024

/**
 * The scripts that clients may call by their SHA1: those that were loaded stay until they are flushed, of the others the latest ones
 * are kept.
 */
export class ScriptCache {
  private readonly loaded = new Map<string, Script>()
  /** In the order of their use. */
  private readonly evaluated = new Map<string, Script>()
  private loadedBytes = 0
  private evaluatedBytes = 0

  /** @param bytesMax how many bytes of sources may be loaded */
  constructor(private readonly bytesMax: number) {}

  get size(): number {
    return this.loaded.size + this.evaluated.size
  }

  get(sha: string): Script | undefined {
    const loaded = this.loaded.get(sha)
    if (loaded !== undefined) return loaded
    const script = this.evaluated.get(sha)
    if (script === undefined) return undefined
    this.evaluated.delete(sha)
    this.evaluated.set(sha, script)
    return script
  }

  /** Somebody has evaluated it. */
  note(script: Script): void {
    if (this.loaded.has(script.sha)) return
    this.forget(script.sha)
    this.evaluated.set(script.sha, script)
    this.evaluatedBytes += script.source.length
    while (this.evaluated.size > EVALUATED_MAX || this.evaluatedBytes > EVALUATED_BYTES_MAX) {
      const [oldest] = this.evaluated.keys()
      this.forget(oldest)
    }
  }

  /** One that is there is wrapped anew. */
  renew(script: Script): Script {
    const { sha } = script
    const scripts = this.loaded.has(sha) ? this.loaded : this.evaluated
    scripts.set(sha, script)
    return script
  }

  private forget(sha: string): void {
    this.evaluatedBytes -= this.evaluated.get(sha)?.source.length ?? 0
    this.evaluated.delete(sha)
  }

  hasLoaded(sha: string): boolean {
    return this.loaded.has(sha)
  }

  hasRoomFor({ source }: Script): boolean {
    return this.loadedBytes + source.length <= this.bytesMax
  }

  /** Somebody has loaded it; false when there is no room. */
  load(script: Script): boolean {
    if (this.loaded.has(script.sha)) return true
    if (!this.hasRoomFor(script)) return false
    this.forget(script.sha)
    this.loaded.set(script.sha, script)
    this.loadedBytes += script.source.length
    return true
  }

  flush(): void {
    this.loaded.clear()
    this.evaluated.clear()
    this.loadedBytes = 0
    this.evaluatedBytes = 0
  }
}
