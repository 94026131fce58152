import type { Reader } from '../base/socket-reader.js'
import type { Peer } from './peer.js'
import { proxyHeader } from './proxy-header.js'

/** What is done with who comes through a balancer. */
interface Announcing {
  /** The header is there: the client is made, of whom it says, or else of whom the socket says; undefined: it is sent away. */
  announced(peer: Peer | undefined): Reader | undefined
  wrong(fault: string): void
}

/** Reads the header of the PROXY protocol, and then whatever comes for the client. */
export class AnnouncedReader implements Reader {
  private client: Reader | undefined
  private head: Buffer | undefined = Buffer.alloc(0)

  constructor(private readonly announcing: Announcing) {}

  receive(buffer: Buffer, size: number): boolean {
    if (this.client !== undefined) return this.client.receive(buffer, size)
    if (this.head === undefined) return false
    this.head = Buffer.concat([this.head, buffer.subarray(0, size)])
    const header = proxyHeader(this.head)
    return header === undefined || this.begin(header, this.head)
  }

  room(): Buffer | undefined {
    return this.client?.room()
  }

  filled(size: number): boolean {
    return this.client!.filled(size)
  }

  private begin(header: NonNullable<ReturnType<typeof proxyHeader>>, head: Buffer): boolean {
    this.head = undefined
    if ('fault' in header) {
      this.announcing.wrong(header.fault)
      return false
    }
    this.client = this.announcing.announced(header.peer)
    const rest = head.subarray(header.length)
    return this.client !== undefined && (rest.length === 0 || this.client.receive(rest, rest.length))
  }
}
