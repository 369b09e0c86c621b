import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { serveRun, type WatchServer } from '../../pipeline/watch/server.ts'
import { cli, gradus } from './command-line.ts'

/** The live page of a real run, over its server and in a real browser. */

const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)
const silent = () => {}
let folder: string
let shards: string
let run: string

const train = (out: string, steps: number) => [
  ...['train', '--shards', shards, '--out', out, '--steps', `${steps}`, '--rows', '4', '--length', '16'],
  ...['--curriculum', '--ohem-ratio', '0.5'],
  ...[
    'forward.with.dim=16',
    'forward.with.layers=1',
    'evaluate.with.tokens=256',
    'evaluate.with.every=1000',
  ].flatMap((assignment) => ['--set', `stages.${assignment}`]),
]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-watch-'))
  const lines = Array.from({ length: 100 }, (_, i) => {
    const text = `Once there were ${i} dogs, and ${'they ran and '.repeat(1 + (i % 7))}slept in house ${i * i}.`
    return JSON.stringify({ id: `${i}`, text })
  })
  await writeFile(join(folder, 'texts.jsonl'), `${lines.join('\n')}\n`)
  shards = join(folder, 'shards')
  const input = ['--input', join(folder, 'texts.jsonl'), '--vocabulary', '300', '--out', shards]
  expect(await gradus('score', ...input)).toMatchObject({ code: 0 })
  run = join(folder, 'run')
  expect(await gradus(...train(run, 8))).toMatchObject({ code: 0 })
})
afterAll(async () => {
  // Whatever a test that failed has left running.
  for (const child of started) child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

interface Answer {
  readonly status: number | undefined
  readonly text: string
}

function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      response.on('end', () => resolve({ status: response.statusCode, text }))
    })
      .on('error', reject)
      .end()
  })
}

/** Adds a step to a run's records, as one that goes on would. */
async function addStep(run: string): Promise<number> {
  const lines = (await readFile(join(run, 'steps.jsonl'), 'utf8')).trimEnd().split('\n')
  const last = JSON.parse(lines.at(-1) as string) as { step: number }
  await appendFile(join(run, 'steps.jsonl'), `${JSON.stringify({ ...last, step: last.step + 1 })}\n`)
  return last.step + 1
}

/** Whole lines in a run's records. */
async function recorded(run: string): Promise<number> {
  return (await readFile(join(run, 'steps.jsonl'), 'latin1')).split('\n').length - 1
}

async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50))
}

/** Starts the compiled `watch`, which says where its page is. */
async function watch(run: string): Promise<{ url: string; stop: () => Promise<number | null> }> {
  const { child, closed } = start(['watch', run, '--port', '0'])
  let url = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (url += text))
  await until(() => url.endsWith('\n'))
  return {
    url: url.trim(),
    stop() {
      child.kill('SIGINT')
      return closed
    },
  }
}

const started: ChildProcess[] = []

function start(parameters: readonly string[]): { child: ChildProcess; closed: Promise<number | null> } {
  const child = spawn(process.execPath, [cli, ...parameters], {
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  started.push(child)
  return { child, closed: new Promise((resolve) => child.on('close', resolve)) }
}

describe('the server', () => {
  let server: WatchServer
  beforeAll(async () => (server = await serveRun(run, 0, silent)))
  afterAll(() => server[Symbol.asyncDispose]())

  test('serves the report of the run, with how it stands', async () => {
    const { status, text } = await ask(server.url)
    expect(status).toBe(200)
    expect(text).toContain('The run has reached its end.')
    expect(text).toContain('Held-out bits per byte')
  })

  test('refuses requests under another name, which a page elsewhere could have made', async () => {
    expect(await ask(server.url, { host: 'evil.example' })).toMatchObject({ status: 403 })
    expect(await ask(`${server.url}events`, { host: 'evil.example:80' })).toMatchObject({ status: 403 })
  })

  test('stops nothing for a request that a page elsewhere could send', async () => {
    expect(await ask(`${server.url}stop`, {}, 'POST')).toMatchObject({ status: 403 })
    expect(await ask(`${server.url}stop`, { 'x-gradus': 'stop' })).toMatchObject({ status: 404 })
  })

  test('says so where there is nothing to stop, or to go on with', async () => {
    const stop = await ask(`${server.url}stop`, { 'x-gradus': 'stop' }, 'POST')
    expect(stop).toMatchObject({ status: 409, text: expect.stringContaining('nothing to stop') as string })
    for (const action of ['pause', 'checkpoint']) {
      const answer = await ask(`${server.url}${action}`, { 'x-gradus': action }, 'POST')
      expect(answer).toMatchObject({
        status: 409,
        text: expect.stringContaining('No process trains') as string,
      })
      expect(await ask(`${server.url}${action}`, {}, 'POST')).toMatchObject({ status: 403 })
    }
    const goOn = await ask(`${server.url}go-on`, { 'x-gradus': 'go-on' }, 'POST')
    expect(goOn).toMatchObject({ status: 409, text: expect.stringContaining('reached its end') as string })
  })

  test('a port that is taken is refused in one sentence', async () => {
    const port = Number(new URL(server.url).port)
    await expect(serveRun(run, port, silent)).rejects.toThrow(`Port ${port} is taken`)
  })

  test('a folder without a run is refused', async () => {
    await expect(serveRun(shards, 0, silent)).rejects.toThrow('holds no run')
  })
})

test('the command listens on the loopback address, and ends on a signal', async () => {
  const { url, stop } = await watch(run)
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
  expect(await ask(url)).toMatchObject({ status: 200 })
  expect(await stop()).toBe(0)
})

describe('training with --ui', () => {
  /** Starts it, and waits until it says where the page is. */
  async function trainWithPage(out: string, steps: number) {
    const { child, closed } = start([...train(out, steps), '--ui', '--port', '0', '--json'])
    let said = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text))
    await until(() => said.includes('"event":"page"') || child.exitCode !== null)
    const url = /"url":"([^"]*)"/.exec(said)?.[1] ?? ''
    return { child, closed, url, said: () => said }
  }
  const isGone = async (url: string) => (await ask(url).catch(() => undefined)) === undefined

  test('shows the run until Ctrl+C, also when it has reached its end', async () => {
    const { child, closed, url, said } = await trainWithPage(join(folder, 'shown'), 8)
    expect(await ask(url)).toMatchObject({ status: 200 })
    await until(() => said().includes('The page stays until Ctrl+C.') || child.exitCode !== null)
    expect(said()).toContain('"event":"ended"')
    expect((await ask(url)).text).toContain('The run has reached its end.')
    child.kill('SIGINT')
    expect(await closed).toBe(0)
    expect(await isGone(url)).toBe(true)
  })

  test('keeps the page of a run that the page has stopped, so that it can go on', async () => {
    const out = join(folder, 'halted')
    const { child, closed, url, said } = await trainWithPage(out, 40_000)
    await until(() => existsSync(join(out, 'steps.jsonl')))
    expect(await ask(`${url}stop`, { 'x-gradus': 'stop' }, 'POST')).toMatchObject({ status: 200 })
    await until(() => said().includes('The page stays until Ctrl+C.') || child.exitCode !== null)
    expect((await ask(url)).text).toContain('The run has stopped before its end.')
    child.kill('SIGINT')
    expect(await closed).toBe(130)
  })

  test('leaves no page behind when it is killed', async () => {
    const { child, closed, url } = await trainWithPage(join(folder, 'killed'), 40_000)
    child.kill('SIGKILL')
    await closed
    await until(() => isGone(url))
  })

  test('is refused in one sentence where the port is taken, before it trains', async () => {
    await using server = await serveRun(run, 0, silent)
    const { port } = new URL(server.url)
    const out = join(folder, 'refused')
    const { code, stderr } = await gradus(...train(out, 8), '--ui', '--port', port)
    expect(code).toBe(1)
    expect(stderr).toBe(`Port ${port} is taken: give another one by --port, or 0 for any that is free.\n`)
    expect(existsSync(join(out, 'steps.jsonl'))).toBe(false)
  })
})

const inBrowser = chromium ? describe : describe.skip
if (!chromium) console.warn('There is no Chromium here: the tests of the page in a browser are left out.')

inBrowser('the page in a browser', () => {
  let browser: Browser
  let server: WatchServer | undefined
  let stopServer: (() => Promise<unknown>) | undefined
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    const { chromium: launcher } = await import('playwright-core')
    browser = await launcher.launch({ executablePath: chromium as string, args: ['--no-sandbox'] })
  })
  afterAll(() => browser.close())

  async function open(url: string, options: Parameters<Browser['newPage']>[0] = {}): Promise<void> {
    page = await browser.newPage(options)
    complaints = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    await page.goto(url)
  }
  async function serve(): Promise<string> {
    server = await serveRun(run, 0, silent)
    return server.url
  }
  afterEach(async () => {
    await page.close()
    await server?.[Symbol.asyncDispose]()
    await stopServer?.()
    server = stopServer = undefined
  })

  test('opens without complaints, shows values over a figure, and is told of new steps', async () => {
    await open(await serve())
    await page.locator('#loss .place').nth(3).hover()
    expect(await page.locator('#hover').textContent()).toMatch(/^step 3\nrun: \d/)
    // By the keyboard alone: the table behind the figure opens, and stays open when the page changes.
    await page.locator('#loss-table > summary').focus()
    await page.keyboard.press('Enter')
    expect(await page.locator('#loss-table tbody tr').count()).toBe(8)
    const step = await addStep(run)
    await page.locator(`#controls:has-text("${step + 1} steps so far")`).waitFor()
    await page.locator('#loss-table[open] tbody tr').nth(8).waitFor()
    const focused = await page.evaluate<string>('document.activeElement.textContent')
    expect(focused).toBe('Table of training loss')
    expect(complaints).toEqual([])
  })

  test('outlives its server, and is up to date once there is one again', async () => {
    await open(await serve())
    const port = Number(new URL(page.url()).port)
    await server?.[Symbol.asyncDispose]()
    await page.locator('#connection:has-text("gone")').waitFor()
    const step = await addStep(run)
    server = await serveRun(run, port, silent)
    await page.locator(`#controls:has-text("${step + 1} steps so far")`).waitFor()
    await page.locator('#connection:empty').waitFor({ state: 'attached' })
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`has no fault that axe-core finds, contrast included: ${colorScheme}, on a telephone`, async () => {
      // The checker is put into the page, which by itself runs no script but its own.
      await open(await serve(), { colorScheme, bypassCSP: true, viewport: { width: 380, height: 800 } })
      await page.evaluate('document.querySelectorAll("details").forEach((details) => (details.open = true))')
      await page.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') })
      const faults = await page.evaluate<string[]>(
        'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`))',
      )
      expect(faults).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(380)
    })
  }

  test('pauses a run, has it keep a checkpoint meanwhile, lets it go on, and stops it', async () => {
    const out = join(folder, 'rested')
    const { child, closed } = start(train(out, 40_000))
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    await until(() => existsSync(join(out, 'steps.jsonl')))
    const first = await watch(out)
    await open(first.url)
    await page.locator('button:has-text("Pause")').press('Enter')
    await page.locator('#controls:has-text("The run is paused.")').waitFor()
    const steps = await recorded(out)
    expect(said).toContain(`Paused after step ${steps}, until \`${join(out, 'pause')}\` is gone.`)
    await page.locator('button:has-text("Checkpoint now")').press('Enter')
    await page.locator(`#controls:has-text("newest checkpoint was written after ${steps} steps")`).waitFor()
    expect(existsSync(join(out, 'checkpoints', `step-${String(steps).padStart(6, '0')}`))).toBe(true)
    expect(complaints).toEqual([])
    // A server that comes later knows of the pause, and ends it.
    await first.stop()
    const second = await watch(out)
    stopServer = second.stop
    await page.goto(second.url)
    complaints.length = 0
    expect(await recorded(out)).toBe(steps)
    await page.locator('button:has-text("Go on")').press('Enter')
    await until(async () => (await recorded(out)) > steps)
    await page.locator('button:has-text("Pause")').press('Enter')
    await page.locator('#controls:has-text("The run is paused.")').waitFor()
    // A paused run has a checkpoint when it is stopped, and is not paused when it goes on.
    child.kill('SIGINT')
    expect(await closed).toBe(130)
    const rested = await recorded(out)
    expect(said).toContain(`goes on after step ${rested}.`)
    await page.locator('button:has-text("Go on")').press('Enter')
    await until(async () => (await recorded(out)) > rested)
    await page.locator('button:has-text("Stop")').press('Enter')
    await page.locator('#controls:has-text("stopped before its end")').waitFor()
    const log = await readFile(join(out, 'train.log'), 'utf8')
    expect(log).toContain(`Going on after ${rested} of 40000 steps`)
    expect(log).toMatch(/Stopped\..*goes on after step/)
    expect(complaints).toEqual([])
  })
})
