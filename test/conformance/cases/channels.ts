import type { Cases } from '../script.js'

/** Publish and subscribe, by one client; channels.test.ts has several. */
export const channelCases: Cases = {
  subscribe: String.raw`
    SUBSCRIBE a
    SUBSCRIBE a
    SUBSCRIBE "\x00\r\n\xff"
    PING
    PING hello
    PING a b
    GET k
    MULTI
    HELLO 3
    CLIENT INFO
    NOSUCH
    SUBSCRIBE
    UNSUBSCRIBE a
    UNSUBSCRIBE "\x00\r\n\xff"
    GET k
    PING
  `,
  psubscribe: `
    PSUBSCRIBE a*
    PSUBSCRIBE a*
    PSUBSCRIBE [ab]?
    SUBSCRIBE a
    SET k v
    PUNSUBSCRIBE nosuch
    PUNSUBSCRIBE a*
    PUNSUBSCRIBE [ab]?
    UNSUBSCRIBE
    SET k v
    PUBSUB NUMPAT
  `,
  ssubscribe: `
    SSUBSCRIBE s
    SUBSCRIBE s
    SSUBSCRIBE t
    UNSUBSCRIBE
    GET k
    SUNSUBSCRIBE s
    RESET
    GET k
  `,
  unsubscribe: `
    UNSUBSCRIBE
    UNSUBSCRIBE a
    SUBSCRIBE a
    UNSUBSCRIBE b
    UNSUBSCRIBE
    UNSUBSCRIBE
  `,
  punsubscribe: `
    PUNSUBSCRIBE
    PUNSUBSCRIBE a
    PSUBSCRIBE a
    PSUBSCRIBE b
    PUNSUBSCRIBE b
    PUNSUBSCRIBE
    PUNSUBSCRIBE
  `,
  sunsubscribe: `
    SUNSUBSCRIBE
    SUNSUBSCRIBE a
    SSUBSCRIBE a
    SUNSUBSCRIBE b
    SUNSUBSCRIBE
    SUNSUBSCRIBE
  `,
  publish: `
    PUBLISH nobody hello
    PUBLISH "" ""
    PUBLISH a
    PUBLISH a b c
  `,
  spublish: `
    SPUBLISH nobody hello
    SPUBLISH "" ""
    SPUBLISH a
  `,
  'pubsub|channels': `
    PUBSUB CHANNELS
    PUBSUB CHANNELS *
    PUBSUB CHANNELS a b
  `,
  'pubsub|numsub': `
    PUBSUB NUMSUB
    PUBSUB NUMSUB a b a
  `,
  'pubsub|numpat': `
    PUBSUB NUMPAT
    PUBSUB NUMPAT x
  `,
  'pubsub|shardchannels': `
    PUBSUB SHARDCHANNELS
    PUBSUB SHARDCHANNELS *
    PUBSUB SHARDCHANNELS a b
  `,
  'pubsub|shardnumsub': `
    PUBSUB SHARDNUMSUB
    PUBSUB SHARDNUMSUB a b
  `,
}
