import type { Cases } from '../script.js'

/** Commands on the connection, all on one without a password; see login.test.ts for one with a password. */
export const connectionCases: Cases = {
  auth: `
    AUTH password
    AUTH default password
    AUTH nobody password
    AUTH a b c
    PING
  `,
  'client|getname': `
    CLIENT GETNAME
    CLIENT SETNAME bob
    CLIENT GETNAME
  `,
  'client|help': 'CLIENT HELP',
  'client|id': '~numbers CLIENT ID',
  'client|info': '~own CLIENT INFO',
  'client|kill': `
    CLIENT KILL 1.2.3.4:5
    CLIENT KILL x
    CLIENT KILL ID 999999
    CLIENT KILL ID 0
    CLIENT KILL ID x
    CLIENT KILL ID
    CLIENT KILL ADDR 1.2.3.4:5
    CLIENT KILL LADDR 1.2.3.4:5
    CLIENT KILL TYPE nosuch
    CLIENT KILL TYPE master
    CLIENT KILL TYPE pubsub SKIPME no
    CLIENT KILL USER nobody
    CLIENT KILL USER default ID 999999
    CLIENT KILL SKIPME maybe
    CLIENT KILL NOSUCH x
    CLIENT KILL ID 999999 ADDR
  `,
  'client|list': `
    ~own CLIENT LIST
    ~own CLIENT LIST TYPE normal
    CLIENT LIST TYPE master
    CLIENT LIST TYPE nosuch
    CLIENT LIST TYPE
    CLIENT LIST ID 999999
    CLIENT LIST ID x
    CLIENT LIST ID
    CLIENT LIST NOSUCH
  `,
  'client|pause': `
    CLIENT PAUSE x
    CLIENT PAUSE -1
    CLIENT PAUSE 1.5
    CLIENT PAUSE 99999999999999999999
    CLIENT PAUSE 1 x
    CLIENT PAUSE x x
    CLIENT PAUSE
    client pause 1 write x
    CLIENT PAUSE 0
    CLIENT PAUSE 1 Write
    CLIENT PAUSE 1 ALL
    SET {t}k v
    CLIENT PAUSE 9223372036854775807 WRITE
    SET {t}k w
    CLIENT PAUSE 9223372036854775806
    CLIENT UNPAUSE
    CLIENT PAUSE 10 all
    GET {t}k
  `,
  'client|unpause': `
    CLIENT UNPAUSE
    CLIENT UNPAUSE x
    CLIENT PAUSE 100000 WRITE
    GET k
    CLIENT UNPAUSE
    SET k v
    client unblock 1 timeout x
  `,
  'client|no-evict': `
    CLIENT NO-EVICT on
    CLIENT NO-EVICT OFF
    CLIENT NO-EVICT maybe
  `,
  'client|tracking': `
    CLIENT TRACKING ON
    CLIENT TRACKING ON
    CLIENT TRACKING ON BCAST
    CLIENT TRACKING OFF
    CLIENT TRACKING OFF
    CLIENT TRACKING ON BCAST PREFIX a PREFIX b
    CLIENT TRACKING ON BCAST PREFIX ab
    CLIENT TRACKING ON BCAST PREFIX c
    CLIENT TRACKING ON PREFIX x
    CLIENT TRACKING OFF
    CLIENT TRACKING ON PREFIX x
    CLIENT TRACKING ON BCAST PREFIX x PREFIX xy
    CLIENT TRACKING ON OPTIN OPTOUT
    CLIENT TRACKING ON BCAST OPTIN
    CLIENT TRACKING ON OPTIN NOLOOP
    CLIENT TRACKING ON OPTOUT
    CLIENT TRACKING MAYBE
    CLIENT TRACKING ON NOSUCH
    CLIENT TRACKING ON REDIRECT
    CLIENT TRACKING ON REDIRECT x
    CLIENT TRACKING ON REDIRECT 99999999
    CLIENT TRACKING OFF
    CLIENT TRACKING
  `,
  'client|trackinginfo': `
    CLIENT TRACKINGINFO
    CLIENT TRACKING ON OPTIN NOLOOP
    CLIENT TRACKINGINFO
    CLIENT CACHING YES
    CLIENT TRACKINGINFO
    CLIENT TRACKING OFF
    CLIENT TRACKING ON BCAST PREFIX a
    CLIENT TRACKINGINFO
    CLIENT TRACKING OFF
    CLIENT TRACKINGINFO
    CLIENT TRACKINGINFO x
  `,
  'client|caching': `
    CLIENT CACHING YES
    CLIENT TRACKING ON
    CLIENT CACHING YES
    CLIENT TRACKING OFF
    CLIENT TRACKING ON OPTIN
    CLIENT CACHING YES
    CLIENT CACHING NO
    CLIENT CACHING MAYBE
    CLIENT TRACKING OFF
    CLIENT TRACKING ON OPTOUT
    CLIENT CACHING NO
    CLIENT CACHING YES
    CLIENT TRACKING OFF
    CLIENT CACHING
  `,
  'client|getredir': `
    CLIENT GETREDIR
    CLIENT TRACKING ON
    CLIENT GETREDIR
    CLIENT TRACKING OFF
    CLIENT GETREDIR x
  `,
  'client|unblock': `
    CLIENT UNBLOCK 999999
    CLIENT UNBLOCK 999999 timeout
    CLIENT UNBLOCK 999999 ERROR
    CLIENT UNBLOCK -1
    CLIENT UNBLOCK x
    CLIENT UNBLOCK x FOO
    CLIENT UNBLOCK 99999999999999999999
    CLIENT UNBLOCK 999999 FOO
    CLIENT UNBLOCK 999999 TIMEOUT ERROR
    CLIENT UNBLOCK
  `,
  'client|reply': `
    CLIENT REPLY ON
    CLIENT REPLY NOSUCH
    ~silent CLIENT REPLY SKIP
    ~silent PING skipped
    PING seen
    ~silent CLIENT REPLY OFF
    ~silent SET k v
    ~silent GET k
    ~silent NOSUCH
    ~silent CLIENT REPLY SKIP
    CLIENT REPLY ON
    GET k
    ~silent CLIENT REPLY SKIP
    ~silent CLIENT REPLY SKIP
    ~silent PING skipped
    PING seen
    ~silent CLIENT REPLY SKIP
    ~silent CLIENT REPLY ON
    PING seen
    ~silent CLIENT REPLY SKIP
    ~silent RESET
    PING seen
    ~silent CLIENT REPLY OFF
    RESET
    PING seen
  `,
  'client|setname': String.raw`
    CLIENT SETNAME bob
    CLIENT SETNAME "a b"
    CLIENT SETNAME "a\nb"
    CLIENT SETNAME "\xc3\xa9"
    CLIENT GETNAME
    CLIENT SETNAME ""
    CLIENT GETNAME
  `,
  echo: String.raw`
    ECHO hello
    ECHO ""
    ECHO "\x00\r\n\xff"
  `,
  hello: `
    ~numbers HELLO
    ~numbers HELLO 2
    HGETALL missing
    ~numbers HELLO 3
    HGETALL missing
    ~numbers HELLO 3 SETNAME bob
    CLIENT GETNAME
    ~numbers HELLO 2 AUTH default anything SETNAME alice
    CLIENT GETNAME
    HELLO 1
    HELLO 4
    HELLO x
    HELLO 3 AUTH nobody secret
    HELLO 3 SETNAME "a b"
    HELLO 3 SETNAME
    HELLO 3 AUTH default
    HELLO 3 NOSUCH
    HELLO x AUTH nobody secret
    GET missing
  `,
  ping: String.raw`
    PING
    PING hello
    PING ""
    PING "\r\n"
    PING a b
  `,
  quit: `
    SET k v
    QUIT
  `,
  reset: `
    SELECT 3
    CLIENT SETNAME bob
    SET k v
    RESET
    CLIENT GETNAME
    GET k
    GET missing
    RESET x
  `,
  select: `
    SELECT 1
    SET k one
    SELECT 0
    GET k
    SELECT 15
    SELECT 16
    SELECT -1
    SELECT x
    SELECT ""
    SELECT 99999999999
    SET k fifteen
    SELECT 0
    SELECT 01
    EXISTS k
  `,
}
