import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ask } from '../../src/local/ask.js'
import { freePorts } from '../../src/local/ports.js'
import { RawClient } from '../helpers/raw-client.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { TestCertificates } from '../helpers/tls-door.js'
import { verify } from '../helpers/verify.js'
import type { AttackOptions, Told, Word } from './attacker.js'
import { EqualLoad, type Load, type Phase } from './equal-load.js'
import { Latencies, WellBehaved } from './well-behaved.js'

export interface FuzzOptions {
  readonly seconds: number
  readonly seed: number
  readonly clients: number
  /** Only these sessions, the first and the one behind the last. */
  readonly sessions?: readonly [first: number, end: number] | undefined
}

export interface FuzzReport {
  readonly seed: number
  readonly seconds: number
  readonly sessions: number
  readonly sentBytes: number
  readonly replies: number
  /** Of the well-behaved clients. */
  readonly checkedReplies: number
  readonly p99AloneMs: number
  readonly p99OrdinaryMs: number
  readonly p99BesideMs: number
  /** Beside attacks to beside ordinary clients: the median of the rounds. */
  readonly ratio: number
  readonly loadOrdinary: Load
  readonly loadBeside: Load
  readonly rssBeforeBytes: number
  readonly rssPeakBytes: number
  readonly rssAfterBytes: number
  /** What went wrong, with the numbers of the sessions that were under way. */
  readonly faults: readonly string[]
}

interface Teardown {
  teardown(end: () => unknown): void
}

const MB = 1024 * 1024
/** What all clients together may make the proxy keep. */
const CLIENT_MEMORY = 64 * MB
/**
 * How much more than before the process may take: what clients may, as it comes in and as it is copied, and what the garbage
 * collector has not got to yet.
 */
const GROWTH_MAX = 4 * CLIENT_MEMORY
/** While nobody attacks, while somebody does, and while ordinary clients take as much: one after the other, so that all meet the same machine. */
const ALONE_MS = 1000
const BESIDE_MS = 4000
const ORDINARY_MS = 4000
const LOOK_MS = 250
/** What a program does for the first time it has to learn: of that nothing is counted. */
const WARM_UP_MS = 3000
const SETTLE_MS = 300
const FAULTS_MAX = 50
/** Much else may want the processors. */
const ANSWER_MS = 10_000

const USERS = [
  'user all on >secret ~* &* +@all',
  'user default on nopass ~* &* +@all -@dangerous -flushall -flushdb -swapdb -acl|setuser -acl|deluser +info +client|list +config|get +keys +sort',
]

/** Starts a ring and a proxy, lets sessions of every bad kind at it, and watches the proxy and some well-behaved clients. */
export async function runFuzz(
  t: Teardown,
  options: FuzzOptions,
  progress: (text: string) => void,
): Promise<FuzzReport> {
  const certificates = new TestCertificates(t)
  const [tlsPort] = await freePorts(1)
  const { certFile, keyFile, caFile } = certificates.settings(tlsPort)
  const serve = await ServeProcess.start(
    t,
    { nodes: 2, sentinels: 1 },
    {
      ...{ 'ring.replicas': '1', 'log.level': 'warn', 'acl.users': USERS.join('\n') },
      ...{ 'tls.port': String(tlsPort), 'tls.certFile': String(certFile), 'tls.keyFile': String(keyFile) },
      ...{ 'tls.caFile': String(caFile), 'tls.authClients': 'no', 'tls.handshakeTimeoutMs': '2000' },
      ...{ 'limits.maxClients': '500', 'limits.clientMemoryBytes': String(CLIENT_MEMORY) },
      ...{
        'limits.outputBufferHardBytes': '32mb',
        'limits.pushBufferHardBytes': '8mb',
        'limits.queryBufferBytes': '32mb',
      },
      ...{ 'limits.commandTimeoutMs': '3000', 'limits.idleTimeoutMs': '10000' },
    },
  )
  const run = new FuzzRun(t, options, serve, tlsPort, certificates, progress)
  return run.run()
}

class FuzzRun {
  private readonly faults: string[] = []
  private readonly active = new Set<number>()
  private readonly latencies = new Latencies()
  private readonly clients: WellBehaved[] = []
  private counts = { sessions: 0, bytes: 0, replies: 0 }
  private isAttackOver = false
  private attacker!: ChildProcess
  private load!: EqualLoad
  private readonly beganMs = performance.now()
  private rssPeakBytes = 0

  constructor(
    private readonly t: Teardown,
    private readonly options: FuzzOptions,
    private readonly serve: ServeProcess,
    private readonly tlsPort: number,
    private readonly certificates: TestCertificates,
    private readonly progress: (text: string) => void,
  ) {}

  async run(): Promise<FuzzReport> {
    const { serve, latencies } = this
    await this.begin()
    const running = this.clients.map((client) => client.run().catch((failure: Error) => this.fault(failure.message)))
    await sleep(500)
    const rssBeforeBytes = serve.memory().rssBytes
    if (this.options.sessions === undefined) await this.warmUp()
    const untilMs = performance.now() + this.options.seconds * 1000
    while (performance.now() < untilMs && !this.isAttackOver && serve.alive && this.faults.length < FAULTS_MAX) {
      await this.phase('alone', ALONE_MS)
      await this.phase('beside', Math.min(BESIDE_MS, untilMs - performance.now()))
      if (this.options.sessions === undefined) {
        await this.phase('ordinary', Math.min(ORDINARY_MS, untilMs - performance.now()))
      }
      latencies.endRound()
    }
    latencies.into = undefined
    this.attacker.kill()
    for (const client of this.clients) client.stop()
    await Promise.all(running)
    this.look()
    if (serve.alive) await this.compareCopies()
    for (const { name, port } of serve.ring.members) {
      const answer = await ask('127.0.0.1', port, 'PING', ANSWER_MS)
      if (answer !== '+PONG') this.fault(`the server ${name} answers PING by ${answer ?? `nothing in ${ANSWER_MS} ms`}`)
    }
    this.judge(rssBeforeBytes)
    return {
      ...{ seed: this.options.seed, seconds: this.options.seconds },
      ...{ sessions: this.counts.sessions, sentBytes: this.counts.bytes, replies: this.counts.replies },
      checkedReplies: this.clients.reduce((sum, { replies }) => sum + replies, 0),
      p99AloneMs: latencies.p99('alone'),
      p99OrdinaryMs: latencies.p99('ordinary'),
      p99BesideMs: latencies.p99('beside'),
      ratio: latencies.ratio,
      ...{ loadOrdinary: this.load.of('ordinary'), loadBeside: this.load.of('beside') },
      rssBeforeBytes,
      rssPeakBytes: this.rssPeakBytes,
      rssAfterBytes: serve.alive ? serve.memory().rssBytes : 0,
      faults: this.faults,
    }
  }

  private async begin(): Promise<void> {
    const { serve, options, latencies } = this
    const [first, end] = options.sessions ?? [0, Number.MAX_SAFE_INTEGER]
    const attack: AttackOptions = {
      port: serve.port,
      tlsPort: this.tlsPort,
      seed: options.seed,
      clients: options.clients,
      first,
      end,
    }
    this.attacker = fork(fileURLToPath(new URL('./attacker.js', import.meta.url)), [JSON.stringify(attack)])
    this.t.teardown(() => this.attacker.kill('SIGKILL'))
    const ready = new Promise<void>((resolve) => {
      this.attacker.on('message', (told: Told) => {
        if (told.kind === 'ready') resolve()
        else this.heard(told)
      })
    })
    const gone = once(this.attacker, 'exit').then(([code]) => {
      if (code !== null && !this.isAttackOver) this.fault(`the process that attacks has ended with ${code}`)
      this.isAttackOver = true
    })
    await Promise.race([ready, gone])
    const members = serve.ring.members.map(({ pid }) => pid)
    this.load = new EqualLoad(serve.child.pid, [this.attacker.pid, ...members])
    // Who has said nothing for idleTimeoutMs is closed, and to start the other process may take as long.
    const secure = await RawClient.secure(this.tlsPort, this.certificates.options(undefined))
    this.t.teardown(() => secure.close())
    this.clients.push(
      await WellBehaved.start(await serve.connect(2), 'two', 2, latencies),
      await WellBehaved.start(await serve.connect(3), 'three', 3, latencies),
      await WellBehaved.start(secure, 'secure', 2, latencies),
    )
  }

  private heard(told: Told): void {
    if (told.kind === 'began') this.active.add(told.session)
    else if (told.kind === 'ended') this.active.delete(told.session)
    else if (told.kind === 'counts') this.counts = told
    else if (told.kind === 'fault') this.fault(told.fault, [told.session])
    else if (told.kind === 'ordinary fault') this.fault(`an ordinary client: ${told.fault}`)
    else if (told.kind === 'over') this.isAttackOver = true
  }

  private async warmUp(): Promise<void> {
    this.attacker.send('go' satisfies Word)
    await sleep(WARM_UP_MS)
  }

  private async phase(kind: Phase, ms: number): Promise<void> {
    if (ms <= 2 * SETTLE_MS || this.isAttackOver) return
    const { load } = this
    const tell = () => {
      const word: Word = kind === 'beside' ? 'go' : kind === 'alone' ? 'rest' : { ordinary: load.pace }
      this.attacker.send(word)
    }
    tell()
    await sleep(SETTLE_MS)
    load.begin()
    this.latencies.into = kind
    const untilMs = performance.now() + ms - SETTLE_MS
    while (performance.now() < untilMs && this.serve.alive && !this.isAttackOver) {
      await sleep(Math.min(LOOK_MS, untilMs - performance.now()))
      this.look()
      if (!this.serve.alive || this.isAttackOver) break
      load.note(kind)
      if (kind === 'ordinary') tell()
    }
    this.latencies.into = undefined
    if (kind === 'ordinary') this.attacker.send('rest')
    this.progress(this.line())
  }

  /** What there is to see from outside. */
  private look(): void {
    const { serve } = this
    if (!serve.alive) {
      const { exitCode, signalCode } = serve.child
      this.fault(`the proxy has ended (${exitCode ?? signalCode}): ${serve.output.slice(-2000)}`)
      return
    }
    this.rssPeakBytes = Math.max(this.rssPeakBytes, serve.memory().peakBytes)
    const lines = serve.output.split('\n')
    serve.output = lines.pop() ?? ''
    for (const line of lines)
      if (/"level":[56]0|something failed inside/.test(line)) this.fault(`logged: ${line.slice(0, 1500)}`)
    for (const client of this.clients) {
      for (const violation of client.violations.slice(0, 3)) this.fault(`a well-behaved client: ${violation}`)
    }
  }

  private judge(rssBeforeBytes: number): void {
    const grownBytes = this.rssPeakBytes - rssBeforeBytes
    if (grownBytes > GROWTH_MAX)
      this.fault(`the proxy's memory has grown by ${inMb(grownBytes)}, more than ${inMb(GROWTH_MAX)}`)
    const refused = this.clients.reduce((sum, client) => sum + client.refused, 0)
    if (refused > 0) this.fault(`${refused} commands of well-behaved clients were refused`)
  }

  private async compareCopies(): Promise<void> {
    const operator = await this.serve.connect()
    await operator.ask('AUTH', 'all', 'secret')
    let report = await verify(operator)
    // While data moves not everything can be looked at.
    for (let tries = 0; report.complete !== 1 && tries < 20; tries++) {
      await sleep(200)
      report = await verify(operator)
    }
    if (report.differences !== 0 || report.complete !== 1) this.fault(`copies differ: ${JSON.stringify(report)}`)
  }

  private fault(text: string, sessions: readonly number[] = [...this.active]): void {
    const said = `${text} (sessions ${sessions.join(', ') || 'none'})`
    if (this.faults.length >= FAULTS_MAX || this.faults.some((known) => known.startsWith(text))) return
    this.faults.push(said)
    this.progress(`FAULT ${said}`)
  }

  private line(): string {
    const { counts, latencies, faults } = this
    const seconds = Math.round((performance.now() - this.beganMs) / 1000)
    const p99 = (of: Phase) => `${latencies.p99(of).toFixed(1)} ms ${of}`
    return `${seconds} s: ${counts.sessions} sessions, ${inMb(counts.bytes)} sent, ${counts.replies} replies, p99 ${p99('alone')}, ${p99('ordinary')}, ${p99('beside')}, ${latencies.ratio.toFixed(2)} times, memory ${inMb(this.rssPeakBytes)} at most, ${faults.length} faults`
  }
}

export function inMb(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`
}
