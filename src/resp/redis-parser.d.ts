declare module 'redis-parser' {
  export interface ParserOptions {
    returnReply(reply: unknown): void
    returnError(error: Error): void
    returnFatalError?(error: Error): void
    returnBuffers?: boolean
    stringNumbers?: boolean
  }
  export default class Parser {
    constructor(options: ParserOptions)
    execute(buffer: Buffer): void
  }
}
