import { shaOf } from './script.js'

/**
 * Executes several commands as one, on a server that has no memory left, too: their number of arguments stands before each. (A
 * transaction would be refused command by command there [redis-facts How writes replicate].)
 */
export const LOOP = Buffer.from(
  '#!lua flags=allow-oom\nlocal i,n=1,#ARGV while i<n do local c=tonumber(ARGV[i]) redis.call(unpack(ARGV,i+1,i+c)) i=i+c+1 end',
)
export const LOOP_SHA = shaOf(LOOP)
