import type { CommandText } from './command-text.js'
import { operatorCommands } from './operate.js'

/** What is said of the commands that main.ts runs. */
export const OWN_TEXTS = {
  up: {
    summary: 'start a whole ring on this machine: servers, Sentinels, the proxy',
    usage: `Usage: dt up [options]

Starts Redis servers and three Sentinels on this machine, and the proxy before
them. Ctrl-C stops all of them; the data stay in the directory and are found
again by the next dt up. A second ring beside it needs --port, --base-port and
--dir of its own.

  --port PORT       where clients connect (default 6380)
  --nodes N         number of Redis servers (default 4)
  --replicas R      backups of each key (default 2)
  --dir DIR         where the servers keep their data (default ./data)
  --base-port PORT  the servers take the ports after this one, the Sentinels
                    those after it + 10000 (default 16380)
  --fresh           throw away the data of an earlier dt up first
  --accept-epoch N  start although a later view of the ring than that of epoch
                    N may have been lost
  --wipe            empty servers that hold what does not belong to this ring
`,
  },
  serve: {
    summary: 'start the proxy alone, before Sentinels and servers that exist',
    usage: `Usage: dt serve [--config FILE]

  --config FILE     settings in YAML; conf/dt.yaml explains each of them.
                    DT_CONFIG_FILE names the file, too, for all commands of dt.
                    A variable DT_<SECTION>_<NAME> in the environment
                    (DT_LISTEN_PORT, DT_SENTINEL_ADDRESSES, …) goes before the
                    file
  --takeover        take the ring from another proxy that serves it, which is
                    shut out and stops
  --standby         as long as another proxy serves the ring, wait and accept
                    nobody, or, with peers.port set, send clients on to it;
                    serve it when that one is gone
  --accept-epoch N  start although a later view of the ring than that of epoch
                    N may have been lost, and without keys of which no copy is
                    there; 0 begins a new ring although not all servers are
                    there. The log says when, and with which N, this is of use
  --wipe            empty servers that hold what does not belong to this ring,
                    instead of refusing them
`,
  },
  simulate: {
    summary: 'count on simulated rings what moves, and what is lost',
    usage: `Usage: dt simulate join [options]
       dt simulate loss [options]

join: lets a node join simulated rings and counts the keys that change hands,
beside the ideal K/N.
loss: lets some of N servers fail at once and tells how likely a key has lost
all its copies, on simulated rings and in a Redis Cluster of as many servers.

  --nodes LIST     sizes N of the ring: before the join (default 10,20,30,40),
                   or in all (default 9,30)
  --keys LIST      join: numbers K of keys (default 1000..10000)
  --vnodes LIST    virtual nodes of each node (default 64, for loss 1,64); at
                   most 4 numbers, for loss 3
  --replicas R     backups of each key (default 2); for loss N must be a
                   multiple of R+1
  --seeds COUNT    rings made for each combination, from the seeds 1 to COUNT
                   (default 100)
  --orders COUNT   loss: orders in which the servers of each ring are let fail
                   (default 100)
  --json           print the results as JSON instead of a table
  --svg FILE       also draw them
`,
  },
  completion: {
    summary: 'print what a shell has to read to complete dt commands',
    usage: `Usage: dt completion bash|zsh|fish

Completes commands, their words and options. In the file that your shell reads
when it starts:

  bash   source <(dt completion bash)
  zsh    source <(dt completion zsh)      behind compinit
  fish   dt completion fish | source
`,
  },
  help: {
    summary: 'say this, or how to use a command',
    usage: 'Usage: dt help [command]\n',
  },
  version: {
    summary: 'say the version',
    usage: 'Usage: dt version\n',
  },
} as const

/** All commands, in the order of `dt help`. */
export const commandTexts: readonly CommandText[] = Object.entries({
  up: OWN_TEXTS.up,
  serve: OWN_TEXTS.serve,
  ...operatorCommands,
  simulate: OWN_TEXTS.simulate,
  completion: OWN_TEXTS.completion,
  help: OWN_TEXTS.help,
  version: OWN_TEXTS.version,
}).map(([name, { summary, usage }]) => ({ name, summary, usage }))
