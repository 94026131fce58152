import type { Cases } from '../script.js'

/** Commands on the server. What has no effect and no key is answered by any member. */
export const serverCases: Cases = {
  command: '~table COMMAND',
  'command|count': '~own COMMAND COUNT',
  'command|docs': `
    ~table COMMAND DOCS
    COMMAND DOCS get
    COMMAND DOCS GET nosuch client|list xread
    ~table COMMAND DOCS config
    COMMAND DOCS nosuch
  `,
  'command|getkeys': `
    COMMAND GETKEYS GET k
    COMMAND GETKEYS MSET a 1 b 2
    COMMAND GETKEYS MGET a b c
    COMMAND GETKEYS EVAL script 2 a b c
    COMMAND GETKEYS EVAL script x a b
    COMMAND GETKEYS EVAL script 5 a
    COMMAND GETKEYS SORT k STORE d
    COMMAND GETKEYS SORT k BY x GET y
    COMMAND GETKEYS XREADGROUP GROUP g c STREAMS a b > >
    COMMAND GETKEYS XREAD STREAMS a
    COMMAND GETKEYS GEORADIUS k 1 1 1 m STOREDIST d
    COMMAND GETKEYS ZUNIONSTORE d 2 a b WEIGHTS 1 2
    COMMAND GETKEYS ZDIFF 0 a
    COMMAND GETKEYS LMPOP 2 a b LEFT
    COMMAND GETKEYS BITOP AND d a b
    COMMAND GETKEYS OBJECT ENCODING k
    COMMAND GETKEYS MEMORY USAGE k
    COMMAND GETKEYS MIGRATE h 1 "" 0 1 KEYS a b
    COMMAND GETKEYS PING
    COMMAND GETKEYS GET
    COMMAND GETKEYS GET a b
    COMMAND GETKEYS NOSUCH a
    COMMAND GETKEYS
  `,
  'command|getkeysandflags': `
    COMMAND GETKEYSANDFLAGS GET k
    COMMAND GETKEYSANDFLAGS LMOVE a b LEFT RIGHT
    COMMAND GETKEYSANDFLAGS SET k v GET
    COMMAND GETKEYSANDFLAGS SORT k STORE d
    COMMAND GETKEYSANDFLAGS PING
    COMMAND GETKEYSANDFLAGS NOSUCH
    COMMAND GETKEYSANDFLAGS
  `,
  'command|help': 'COMMAND HELP',
  'command|info': `
    COMMAND INFO get
    COMMAND INFO GET nosuch SET
    COMMAND INFO client|list
    COMMAND INFO xreadgroup sort eval
    ~table COMMAND INFO memory
    COMMAND INFO "" get
    ~table COMMAND INFO
  `,
  'command|list': `
    ~table COMMAND LIST
    ~unordered COMMAND LIST FILTERBY PATTERN x*
    ~unordered COMMAND LIST FILTERBY ACLCAT hyperloglog
    ~unordered COMMAND LIST FILTERBY ACLCAT nosuch
    COMMAND LIST FILTERBY MODULE nosuch
    COMMAND LIST FILTERBY PATTERN nosuch*
    COMMAND LIST FILTERBY NOSUCH x
    COMMAND LIST FILTERBY PATTERN
    COMMAND LIST NOSUCH
  `,
  'config|get': `
    CONFIG GET maxmemory-policy
    CONFIG GET databases
    CONFIG GET nosuch
    CONFIG GET DataBases
    ~pairs CONFIG GET databases maxmemory-policy
    ~pairs CONFIG GET list-*
    CONFIG GET save
    CONFIG GET appendonly
  `,
  'config|help': 'CONFIG HELP',
  'config|set': `
    CONFIG SET notify-keyspace-events KEA
    CONFIG GET notify-keyspace-events
    CONFIG SET notify-keyspace-events Ex
    CONFIG GET notify-keyspace-events
    CONFIG SET notify-keyspace-events gnKEm
    CONFIG GET notify-keyspace-events
    CONFIG SET notify-keyspace-events AKEn
    CONFIG GET notify-keyspace-events
    CONFIG SET notify-keyspace-events KEq
    CONFIG SET notify-keyspace-events "" client-output-buffer-limit "pubsub 1mb 2k 3"
    CONFIG GET notify-keyspace-events
    CONFIG SET client-output-buffer-limit "pubsub 1 2"
    CONFIG SET client-output-buffer-limit "nobody 1 2 3"
    CONFIG SET client-output-buffer-limit "pubsub x 2 3"
    CONFIG SET client-output-buffer-limit "pubsub 1 2 -3"
    CONFIG SET client-output-buffer-limit ""
    CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60"
    CONFIG SET nosuch 1
    CONFIG SET notify-keyspace-events Ex nosuch
    CONFIG SET notify-keyspace-events Ex nosuch 1
    CONFIG SET notify-keyspace-events Ex notify-keyspace-events K
    CONFIG GET notify-keyspace-events
    CONFIG SET a
    CONFIG SET appendfsync often
    CONFIG SET hz 11 zset-max-listpack-entries 100 timeout 0
    CONFIG GET hz
    CONFIG SET hz 10 zset-max-listpack-entries 128
  `,
  'config|resetstat': `
    CONFIG RESETSTAT
    CONFIG RESETSTAT x
  `,
  // A Redis without a file refuses it: see test/client/commands/config-set.test.ts.
  'config|rewrite': 'CONFIG REWRITE x',
  info: `
    ~sections INFO
    ~sections INFO server
    ~sections INFO server clients
    ~sections INFO everything
    ~sections INFO all
    INFO nosuch
  `,
  time: '~numbers TIME',
  wait: `
    ~own WAIT 0 0
    WAIT x 0
    WAIT 0 x
    WAIT 0 -1
  `,
  lolwut: `
    ~own LOLWUT VERSION 9
    LOLWUT VERSION x
  `,

  'acl|help': 'ACL HELP',
  'function|help': 'FUNCTION HELP',
  'latency|doctor': `
    LATENCY DOCTOR
    LATENCY DOCTOR x
    LATENCY
    LATENCY NOSUCH
  `,
  'latency|graph': `
    LATENCY GRAPH nosuch
    LATENCY GRAPH "with\\0zero"
    LATENCY GRAPH
    LATENCY GRAPH a b
  `,
  'latency|help': 'LATENCY HELP',
  'latency|histogram': `
    LATENCY HISTOGRAM nosuch
    ~own LATENCY HISTOGRAM
    ~own LATENCY HISTOGRAM set config
  `,
  'latency|history': `
    LATENCY HISTORY nosuch
    LATENCY HISTORY
    LATENCY HISTORY a b
  `,
  'latency|latest': `
    LATENCY LATEST
    LATENCY LATEST x
  `,
  'latency|reset': `
    LATENCY RESET
    LATENCY RESET nosuch command
  `,
  'memory|doctor': `
    MEMORY DOCTOR
    MEMORY DOCTOR x
    MEMORY
    MEMORY NOSUCH
  `,
  'memory|help': 'MEMORY HELP',
  'memory|malloc-stats': `
    ~own MEMORY MALLOC-STATS
    MEMORY MALLOC-STATS x
  `,
  'memory|purge': `
    MEMORY PURGE
    MEMORY PURGE x
  `,
  'memory|stats': `
    ~own MEMORY STATS
    MEMORY STATS x
  `,
  debug: `
    DEBUG
    DEBUG HELP
    DEBUG SLEEP 0
    DEBUG NOSUCH
    MULTI
    DEBUG SLEEP 0
    EXEC
    GET k
  `,
  monitor: `
    MONITOR x
    MULTI
    MONITOR
    MONITOR x
    EXEC
    MULTI
    MONITOR
    EXEC
    GET k
  `,
  'slowlog|get': `
    ~own SLOWLOG GET 3
    SLOWLOG GET 0
    ~own SLOWLOG GET -1
    SLOWLOG GET -2
    SLOWLOG GET x
    SLOWLOG GET 99999999999999999999
    SLOWLOG GET 1 2
    SLOWLOG NOSUCH
    SLOWLOG
  `,
  'slowlog|len': `
    ~own SLOWLOG LEN
    SLOWLOG LEN x
  `,
  'slowlog|reset': `
    SLOWLOG RESET
    SLOWLOG LEN
    SLOWLOG RESET x
  `,
  'module|help': 'MODULE HELP',
  'module|list': `
    MODULE LIST
    MODULE LIST x
    MODULE NOSUCH
    MODULE
  `,
  'pubsub|help': 'PUBSUB HELP',
  'script|help': 'SCRIPT HELP',
  'slowlog|help': 'SLOWLOG HELP',

  // What they do is in test/client/commands/persistence.test.ts.
  bgrewriteaof: 'BGREWRITEAOF x',
  bgsave: `
    BGSAVE x
    BGSAVE SCHEDULE x
  `,
  lastsave: `
    ~numbers LASTSAVE
    LASTSAVE x
  `,
  save: 'SAVE x',
  role: `
    ROLE
    ROLE x
  `,
  failover: `
    FAILOVER
    FAILOVER ABORT
    FAILOVER ABORT x
    FAILOVER TO 127.0.0.1 7000
    FAILOVER TO 127.0.0.1 7000 FORCE TIMEOUT 100
    FAILOVER TIMEOUT 10 TIMEOUT 10
    FAILOVER TO 127.0.0.1 x
    FAILOVER TO 127.0.0.1
    FAILOVER TIMEOUT x
    FAILOVER TIMEOUT 0
    FAILOVER TIMEOUT
    FAILOVER FORCE FORCE
    FAILOVER FORCE
    FAILOVER NOSUCH
  `,
  replicaof: `
    REPLICAOF NO ONE
    REPLICAOF no one
    ~refused REPLICAOF 127.0.0.1 7000
    REPLICAOF 127.0.0.1 x
    REPLICAOF 127.0.0.1 65536
    REPLICAOF NO
    REPLICAOF NO ONE x
  `,
  slaveof: `
    SLAVEOF NO ONE
    ~refused SLAVEOF 127.0.0.1 7000
    SLAVEOF NO TWO
  `,
  'script|debug': `
    SCRIPT DEBUG NO
    ~refused SCRIPT DEBUG YES
    ~refused SCRIPT DEBUG sync
    SCRIPT DEBUG
    SCRIPT DEBUG NO x
  `,
  asking: 'ASKING',
  readonly: 'READONLY',
  readwrite: 'READWRITE',
  'cluster|addslots': 'CLUSTER ADDSLOTS 1',
  'cluster|addslotsrange': 'CLUSTER ADDSLOTSRANGE 1 2',
  'cluster|bumpepoch': 'CLUSTER BUMPEPOCH',
  'cluster|count-failure-reports': 'CLUSTER COUNT-FAILURE-REPORTS x',
  'cluster|countkeysinslot': 'CLUSTER COUNTKEYSINSLOT 1',
  'cluster|delslots': 'CLUSTER DELSLOTS 1',
  'cluster|delslotsrange': 'CLUSTER DELSLOTSRANGE 1 2',
  'cluster|failover': 'CLUSTER FAILOVER',
  'cluster|flushslots': 'CLUSTER FLUSHSLOTS',
  'cluster|forget': 'CLUSTER FORGET x',
  'cluster|getkeysinslot': 'CLUSTER GETKEYSINSLOT 1 1',
  'cluster|help': 'CLUSTER HELP',
  'cluster|info': 'CLUSTER INFO',
  'cluster|keyslot': 'CLUSTER KEYSLOT k',
  'cluster|links': 'CLUSTER LINKS',
  'cluster|meet': 'CLUSTER MEET 127.0.0.1 1',
  'cluster|myid': 'CLUSTER MYID',
  'cluster|nodes': 'CLUSTER NODES',
  'cluster|replicas': 'CLUSTER REPLICAS x',
  'cluster|replicate': 'CLUSTER REPLICATE x',
  'cluster|reset': 'CLUSTER RESET',
  'cluster|saveconfig': 'CLUSTER SAVECONFIG',
  'cluster|set-config-epoch': 'CLUSTER SET-CONFIG-EPOCH 1',
  'cluster|setslot': 'CLUSTER SETSLOT 1 STABLE',
  'cluster|shards': 'CLUSTER SHARDS',
  'cluster|slaves': 'CLUSTER SLAVES x',
  'cluster|slots': 'CLUSTER SLOTS',
}
