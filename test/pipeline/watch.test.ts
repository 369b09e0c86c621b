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
afterAll(() => rm(folder, { recursive: true }))

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

function start(parameters: readonly string[]): { child: ChildProcess; closed: Promise<number | null> } {
  const child = spawn(process.execPath, [cli, ...parameters], {
    env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '' },
  })
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
    await page.locator(`#controls:has-text("Step ${step},")`).waitFor()
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
    await page.locator(`#controls:has-text("Step ${step},")`).waitFor()
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

  test('stops a run with a checkpoint, and lets it go on', async () => {
    const long = join(folder, 'long')
    const { closed } = start(train(long, 40_000))
    await until(() => existsSync(join(long, 'steps.jsonl')))
    const served = await watch(long)
    stopServer = served.stop
    await open(served.url)
    await page.locator('button:has-text("Stop")').press('Enter')
    expect(await closed).toBe(130)
    await page.locator('#controls:has-text("stopped before its end")').waitFor()
    const steps = await recorded(long)
    await page.locator('button:has-text("Go on")').press('Enter')
    await until(async () => (await recorded(long)) > steps)
    await page.locator('button:has-text("Stop")').press('Enter')
    await page.locator('#controls:has-text("stopped before its end")').waitFor()
    const log = await readFile(join(long, 'train.log'), 'utf8')
    expect(log).toContain(`Going on after ${steps} of 40000 steps`)
    expect(log).toMatch(/Stopped\..*goes on after step/)
    expect(complaints).toEqual([])
  })
})
