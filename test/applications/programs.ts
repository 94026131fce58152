/** A real program, of whoever has made it, that does its work through DT as it does through a Redis [README, Applications]. */
export interface Program {
  readonly name: string
  readonly language: 'C' | 'Go' | 'Node.js' | 'Perl' | 'PHP' | 'Python' | 'Ruby'
  /** Below applications/. It is given a port, prints what came of its work, and prints the same wherever it works. */
  readonly file: string
  /** What Debian calls it and what it needs; of npm it is in applications/package.json, or in the package.json of the tests. */
  readonly debian?: readonly string[]
  /** Its results are the same when a member is killed meanwhile: it, or its user, tries again what had an error. */
  readonly outlivesMember?: true
  /** What of a Redis it uses, for the README. */
  readonly uses: string
}

const PYTHON = 'python3'

export const PROGRAMS: readonly Program[] = [
  {
    name: 'BullMQ',
    language: 'Node.js',
    file: 'node/bullmq.mjs',
    outlivesMember: true,
    uses: 'scripts over many keys, blocking pops, streams; delays, retries, priorities, flows, schedulers',
  },
  {
    name: 'Bull',
    language: 'Node.js',
    file: 'node/bull.mjs',
    outlivesMember: true,
    uses: 'scripts with keys that are not declared, BRPOPLPUSH, patterns of channels; delays, retries, repeating jobs',
  },
  {
    name: 'bee-queue',
    language: 'Node.js',
    file: 'node/bee-queue.mjs',
    outlivesMember: true,
    uses: 'scripts, BRPOPLPUSH, channels; retries, delays, progress',
  },
  {
    name: 'express-session, connect-redis, rate-limit-redis',
    language: 'Node.js',
    file: 'node/express-session.mjs',
    outlivesMember: true,
    uses: 'deadlines, SCAN, scripts that are loaded',
  },
  {
    name: 'rate-limiter-flexible',
    language: 'Node.js',
    file: 'node/rate-limiter-flexible.mjs',
    outlivesMember: true,
    uses: 'scripts with deadlines, several limits at once, blocks',
  },
  {
    name: 'redis-semaphore',
    language: 'Node.js',
    file: 'node/redis-semaphore.mjs',
    outlivesMember: true,
    uses: 'scripts over sorted sets; locks that are refreshed and lost',
  },
  {
    name: 'graphql-redis-subscriptions',
    language: 'Node.js',
    file: 'node/graphql-redis-subscriptions.mjs',
    uses: 'channels and patterns',
  },
  {
    name: 'Keyv',
    language: 'Node.js',
    file: 'node/keyv.mjs',
    outlivesMember: true,
    uses: 'namespaces, many keys at once, SCAN, deadlines',
  },
  {
    name: 'ioredis',
    language: 'Node.js',
    file: 'node/ioredis.mjs',
    outlivesMember: true,
    uses: 'pipelines of its own making, commands before it is connected, sharded channels, scripts, CLIENT KILL',
  },
  {
    name: 'node-redis',
    language: 'Node.js',
    file: 'node/node-redis.mjs',
    outlivesMember: true,
    uses: 'RESP3, CLIENT TRACKING, a pool with WATCH, iterators, sharded channels',
  },
  {
    name: 'Valkey GLIDE',
    language: 'Node.js',
    file: 'node/valkey-glide.mjs',
    outlivesMember: true,
    uses: 'RESP3, transactions, batches, scripts, channels, streams, SCAN',
  },
  {
    name: 'redis-py',
    language: 'Python',
    file: 'python/redis_client.py',
    debian: [PYTHON, 'python3-redis'],
    outlivesMember: true,
    uses: 'pipelines, WATCH, locks, channels, streams with groups, scripts, SCAN',
  },
  {
    name: 'RQ',
    language: 'Python',
    file: 'python/rq_queue.py',
    debian: [PYTHON, 'python3-redis', 'python3-rq'],
    outlivesMember: true,
    uses: 'WATCH, BLPOP, sorted sets as registries; retries, scheduled jobs, jobs behind others',
  },
  {
    name: 'Celery (kombu)',
    language: 'Python',
    file: 'python/celery_tasks.py',
    debian: [PYTHON, 'python3-redis', 'python3-celery'],
    uses: 'BRPOP over priorities, MULTI, channels, two databases; groups, chords, chains, retries, countdowns',
  },
  {
    name: 'django-redis',
    language: 'Python',
    file: 'python/django_cache.py',
    debian: [PYTHON, 'python3-redis', 'python3-django-redis'],
    outlivesMember: true,
    uses: 'another database, MSET and MGET, deadlines, SCAN, scripts, locks, sessions',
  },
  {
    name: 'channels-redis',
    language: 'Python',
    file: 'python/channels_layer.py',
    debian: [PYTHON, 'python3-redis', 'python3-channels-redis'],
    outlivesMember: true,
    uses: 'scripts whose keys are arguments, BZPOPMIN, channels',
  },
  {
    name: 'limits (Flask-Limiter)',
    language: 'Python',
    file: 'python/limits_windows.py',
    debian: [PYTHON, 'python3-redis', 'python3-limits'],
    outlivesMember: true,
    uses: 'scripts over lists, SCAN inside a script',
  },
  {
    name: 'redis-rb',
    language: 'Ruby',
    file: 'ruby/redis_client.rb',
    debian: ['ruby-redis'],
    outlivesMember: true,
    uses: 'pipelines, WATCH, channels, BLPOP, streams, scripts, cursors',
  },
  {
    name: 'Sidekiq',
    language: 'Ruby',
    file: 'ruby/sidekiq_jobs.rb',
    debian: ['ruby-sidekiq'],
    outlivesMember: true,
    uses: 'BRPOP, MULTI, scripts; retries, scheduled and dead jobs, statistics',
  },
  {
    name: 'phpredis',
    language: 'PHP',
    file: 'php/phpredis.php',
    debian: ['php-cli', 'php-redis'],
    outlivesMember: true,
    uses: 'sessions with locks, pipelines, WATCH, SCAN, streams, geography, scripts',
  },
  {
    name: 'Predis',
    language: 'PHP',
    file: 'php/predis.php',
    debian: ['php-cli', 'php-nrk-predis'],
    outlivesMember: true,
    uses: 'pipelines, transactions that check and set, channels, cursors, scripts, BRPOP',
  },
  {
    name: 'hiredis',
    language: 'C',
    file: 'c/hiredis.c',
    debian: ['gcc', 'libc6-dev', 'libhiredis-dev'],
    outlivesMember: true,
    uses: 'pipelines, bytes of any kind, large values, MULTI, BLMOVE',
  },
  {
    name: 'Redis.pm',
    language: 'Perl',
    file: 'perl/queue.pl',
    debian: ['perl', 'libredis-perl'],
    outlivesMember: true,
    uses: 'pipelines, WATCH, BLPOP, channels, tied lists',
  },
  {
    name: 'Redis Commander',
    language: 'Node.js',
    file: 'node/redis-commander.mjs',
    uses: 'INFO, COMMAND, SCAN; keys of each type, a command line',
  },
  {
    name: 'starts of RedisInsight, P3X Redis UI, Another Redis Desktop Manager',
    language: 'Node.js',
    file: 'node/page-starts.mjs',
    uses: 'what they ask of a server and of each key: COMMAND, CONFIG GET, MODULE LIST, ACL, MEMORY, LATENCY, OBJECT, …',
  },
  {
    name: 'IRedis',
    language: 'Python',
    file: 'python/iredis_session.py',
    debian: ['iredis'],
    uses: 'INFO, COMMAND, CLIENT SETNAME, SELECT, MULTI, scripts',
  },
  {
    name: 'prometheus-redis-exporter',
    language: 'Go',
    file: 'node/prometheus-exporter.mjs',
    debian: ['prometheus-redis-exporter'],
    uses: 'INFO, CONFIG GET, CLIENT LIST, LATENCY, XINFO, SCAN, scripts: each metric that it knows',
  },
]
