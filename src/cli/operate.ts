import { PROXY_USAGE } from './proxy-usage.js'
import type { Output } from './terminal.js'

/** One command of `dt`; `run` gets the arguments after its name and gives the exit code. */
export interface OperatorCommand {
  readonly summary: string
  readonly usage: string
  run(argv: string[], out: Output): Promise<number>
}

const members = () => import('./members.js')
const show = () => import('./show.js')
const past = () => import('./past.js')

/** The commands that ask, or tell, a running proxy: what redis-cli does with DT …, for people and for scripts. */
export const operatorCommands: Readonly<Record<string, OperatorCommand>> = {
  ping: {
    summary: 'ask a running proxy whether it answers',
    usage: `Usage: dt ping [options]

Exits with 0 when the proxy answers within a second, else with 1.

${PROXY_USAGE}`,
    run: async (argv, out) => (await import('./ping.js')).ping(argv, out),
  },
  config: {
    summary: 'check settings, or show them, without starting a proxy',
    usage: `Usage: dt config check [FILE] [options]
       dt config show [FILE] [options]

check: says everything that is wrong with the settings, and with the
certificates and the file of users that they name; exits with 1 then.
show: lists each setting with its value and its variable; secrets are left out.

  --config FILE     the same as FILE: settings in YAML; variables
                    DT_<SECTION>_<NAME> go before it
  --json            print JSON, also of what is wrong
`,
    run: async (argv, out) => (await import('./check-config.js')).config(argv, out),
  },
  nodes: {
    summary: 'list the servers, their state, and their share of the keys',
    usage: `Usage: dt nodes [options]

${PROXY_USAGE}`,
    run: async (argv, out) => (await show()).nodes(argv, out),
  },
  proxies: {
    summary: 'list the proxies of the ring',
    usage: `Usage: dt proxies [options]

The owner, which serves the ring, and the fronts, which send their clients on
to it. A proxy that stands by without peers.port is not listed.

${PROXY_USAGE}`,
    run: async (argv, out) => (await show()).proxies(argv, out),
  },
  ring: {
    summary: 'show which part of the ring each member has',
    usage: `Usage: dt ring [options]

  --ranges           list every token range with its replicas, too
${PROXY_USAGE}`,
    run: async (argv, out) => (await show()).ring(argv, out),
  },
  locate: {
    summary: 'tell which servers have a key',
    usage: `Usage: dt locate KEY [options]

Its master first, then its backups; also of a key that does not exist.

${PROXY_USAGE}`,
    run: async (argv, out) => (await show()).locate(argv, out),
  },
  events: {
    summary: 'tell what happened to the ring, the latest last',
    usage: `Usage: dt events [options]

The last 50 since the proxy began; its log has all of them.

${PROXY_USAGE}`,
    run: async (argv, out) => (await past()).events(argv, out),
  },
  slowlog: {
    summary: 'tell which commands were slow, and where the time went',
    usage: `Usage: dt slowlog [options]

In ms: all of it, waiting for others or for a server, the slowest server, and
the proxy itself. slowlog-log-slower-than and slowlog-max-len (CONFIG SET) say
what is slow, and how many are kept.

${PROXY_USAGE}`,
    run: async (argv, out) => (await past()).slowlog(argv, out),
  },
  top: {
    summary: 'watch the ring at work: rates, servers, what moves, events',
    usage: `Usage: dt top [options]

Shows it anew every second until Ctrl-C. Where there is no terminal, one picture
is printed below the other; with --json, a line of JSON each. The last lines are
what happened, also before it was started (as DT EVENTS tells). When the proxy
goes away it says so, connects again, and goes on with the one that answers
then.

  --once             look for one interval, print what there was, and end
  --interval SECONDS between two looks, 0.1 to 3600 (default 1)
${PROXY_USAGE}`,
    run: async (argv, out) => (await import('./top.js')).top(argv, out),
  },
  hotkeys: {
    summary: 'count which keys clients ask for most',
    usage: `Usage: dt hotkeys [options]

Counts for some seconds, by commands and by bytes of commands and replies, and
prints the keys that weigh most. Ctrl-C ends the counting, and what it costs.

  --seconds S        how long, 1 to 3600 (default 10)
  --sample N         look at one of so many commands (default 10)
  --count N          keys to print, 1 to 1000 (default 10)
${PROXY_USAGE}`,
    run: async (argv, out) => (await import('./keys.js')).hotkeys(argv, out),
  },
  bigkeys: {
    summary: 'find the biggest keys of each type',
    usage: `Usage: dt bigkeys [options]

Walks over all keys of all servers, with pauses, and asks how much memory each
takes. Exits with 1 when not all of them were seen. Ctrl-C ends it.

  --count N          keys to print of each type, 1 to 1000 (default 5)
${PROXY_USAGE}`,
    run: async (argv, out) => (await import('./keys.js')).bigkeys(argv, out),
  },
  doctor: {
    summary: 'tell what is wrong with the ring, and what to do',
    usage: `Usage: dt doctor [options]

Looks at the servers, the Sentinels and the settings. Exits with 1 when
something is wrong; what is only unwise leaves it at 0.

${PROXY_USAGE}`,
    run: async (argv, out) => (await show()).doctor(argv, out),
  },
  add: {
    summary: 'make a server a member, and wait until its data is there',
    usage: `Usage: dt add HOST:PORT --name NAME [options]

Tells the Sentinels to monitor the server, and shows how its data comes.
Clients go on meanwhile; Ctrl-C does not end it, dt cancel does.

  --name NAME        what the member is called: its name decides its place on
                     the ring
${PROXY_USAGE}`,
    run: async (argv, out) => (await members()).add(argv, out),
  },
  remove: {
    summary: 'move the data of a member away, then forget it',
    usage: `Usage: dt remove NAME [options]

The member serves until its data is elsewhere; then the Sentinels are told to
forget it. Clients go on meanwhile; Ctrl-C does not end it, dt cancel does.

${PROXY_USAGE}`,
    run: async (argv, out) => (await members()).remove(argv, out),
  },
  cancel: {
    summary: 'take an add or a remove back that is under way',
    usage: `Usage: dt cancel NAME [options]

${PROXY_USAGE}`,
    run: async (argv, out) => (await members()).cancel(argv, out),
  },
  plan: {
    summary: 'tell what an add, a remove or an upgrade would move',
    usage: `Usage: dt plan add HOST:PORT --name NAME [options]
       dt plan remove NAME [options]
       dt plan upgrade HOST:PORT [options]

Nothing is changed. The share of the keys that get another master stands beside
K/N, the even share of one server. An upgrade is planned by the pattern of an
empty server of the new version that runs on HOST:PORT.

  --name NAME        of add: what the member would be called, as its name
                     decides its place on the ring
${PROXY_USAGE}`,
    run: async (argv, out) => (await members()).plan(argv, out),
  },
  migrations: {
    summary: 'show what data moves at this moment',
    usage: `Usage: dt migrations [options]

${PROXY_USAGE}`,
    run: async (argv, out) => (await show()).migrations(argv, out),
  },
  verify: {
    summary: 'compare all copies of all keys, and repair those that differ',
    usage: `Usage: dt verify [--repair] [options]

Compares value, type and time to live of every key on all its replicas, while
clients go on, and looks for copies that should not be there. Exits with 1 when
differences are left, or not everything could be compared. Ctrl-C ends it.

  --repair           copy what differs from its master, and delete what should
                     not be there
${PROXY_USAGE}`,
    run: async (argv, out) => (await import('./verify.js')).verify(argv, out),
  },
  import: {
    summary: 'copy the data of a running Redis, or Redis Cluster, into the ring',
    usage: `Usage: dt import redis://[USER:PASSWORD@]HOST:PORT[/DB] ... [options]

Copies all keys of all databases, or of one, with their deadlines, and the
libraries of functions, while both sides are in use; of a Redis Cluster, of all
its masters. What changes at the source meanwhile is followed as by a replica,
and copied again. In the end every key is compared. rediss:// is for TLS.
Several sources (the servers behind twemproxy) are copied one after the other.

Keys that the ring has already are left as they are, and named. Exits with 1
when not all keys are in the ring, and equal. It can be run again.

  --follow           go on until Ctrl-C, then compare: stop who writes to the
                     source, press Ctrl-C, and let clients go to the ring
  --no-follow        do not follow what changes
  --until-equal      do not follow, but compare and copy again what differs,
                     until nothing does
  --replace          overwrite keys that the ring has with another value
  --largest MB       copy values that take up to that, 1 to 512 (default 64);
                     each is one RESTORE, for about 10 ms a MB
  --password-file FILE  the password of the sources that have none in the URL;
                     else DT_IMPORT_PASSWORD in the environment has it
  --source-cacert FILE  who signs the certificates of the sources
  --source-cert FILE    the certificate that they are shown, and
  --source-key FILE     its key
  --source-sni NAME     the name that is in their certificates
  --source-insecure     do not verify their certificates
${PROXY_USAGE}`,
    run: async (argv, out) => (await import('./import.js')).importData(argv, out),
  },
}
