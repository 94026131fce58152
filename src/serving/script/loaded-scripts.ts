import { ANY_DB, type Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import { frameOf } from '../../resp/frame.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import { LOOP, LOOP_SHA } from './loop.js'

/** Which scripts were loaded on which server, over the connection that its link has now. */
export class LoadedScripts {
  private readonly byLink = new Map<Link, Set<string>>()

  linkUp(link: Link): void {
    this.byLink.set(link, new Set())
    this.load(link, LOOP, LOOP_SHA)
  }

  /** What follows on this link, which must be up, finds the script there, or the library of functions. */
  load(link: Link, source: Buffer, sha: string, library?: string): void {
    const key = library ?? sha
    let loaded = this.byLink.get(link)
    if (loaded === undefined) this.byLink.set(link, (loaded = new Set()))
    if (loaded.has(key)) return
    loaded.add(key)
    const forget = () => loaded.delete(key)
    const sink: ReplySink = {
      onReply: (_tag, buf, start, end, flags) => {
        // A library may be there since an earlier connection; loaded anew it would forget what it has in variables.
        if ((flags & IS_ERROR) !== 0 && !buf.latin1Slice(start, end).endsWith(' already exists\r\n')) forget()
      },
      onLost: forget,
    }
    const how = library === undefined ? ['SCRIPT', 'LOAD'] : ['FUNCTION', 'LOAD']
    link.emitFrame(frameOf([...how, source]), ANY_DB, sink, 0)
  }

  /** The server says that it has not got it: somebody has flushed its scripts. */
  missing(link: Link): void {
    this.byLink.delete(link)
  }

  /** Those of links that are gone are not remembered. */
  keepOnly(links: readonly Link[]): void {
    for (const link of this.byLink.keys()) if (!links.includes(link)) this.byLink.delete(link)
  }
}
