/**
 * Brings the page up to date when its server says that the run has changed: sections that differ are replaced, and what
 * the reader has opened, or has the focus on, stays so.
 */
export const liveScript = `
const connection = document.getElementById('connection')
let shown = document.getElementById('controls').dataset.signature
let wanted = shown
let isBusy = false
let isAnswered = false

async function refresh() {
  if (isBusy || wanted === shown) return
  isBusy = true
  try {
    const answer = await fetch('/', { cache: 'no-store' })
    if (answer.ok) adopt(new DOMParser().parseFromString(await answer.text(), 'text/html'))
  } catch {
    // The server is gone; its stream of events says when it is back.
  }
  setTimeout(() => {
    isBusy = false
    refresh()
  }, 1000)
}

function adopt(next) {
  const opened = [...document.querySelectorAll('details[open]')].map(({ id }) => id)
  const focus = focusOf(document.activeElement)
  replace(document.getElementById('controls'), next.getElementById('controls'))
  document.title = next.title
  let before = null
  for (const section of next.querySelectorAll('main > section')) {
    const old = document.getElementById(section.id)
    if (!old) {
      before ? before.after(section) : document.querySelector('main').prepend(section)
      before = section
    } else before = replace(old, section)
  }
  for (const id of opened) document.getElementById(id)?.setAttribute('open', '')
  focus?.()
  // What was asked for shows by now.
  if (isAnswered) connection.textContent = ''
  isAnswered = false
  shown = document.getElementById('controls').dataset.signature
}

function replace(old, next) {
  old.original ??= unopened(old)
  const markup = next.outerHTML
  if (old.original === markup) return old
  next.original = markup
  old.replaceWith(next)
  return next
}

function unopened(element) {
  const copy = element.cloneNode(true)
  copy.querySelectorAll('details[open]').forEach((details) => details.removeAttribute('open'))
  return copy.outerHTML
}

function focusOf(element) {
  if (!element || element === document.body) return undefined
  const details = element.localName === 'summary' && element.parentElement.id
  if (details) return () => document.querySelector('#' + CSS.escape(details) + ' > summary')?.focus({ preventScroll: true })
  const label = element.getAttribute('aria-label')
  if (label) return () => document.querySelector('[aria-label="' + CSS.escape(label) + '"]')?.focus({ preventScroll: true })
  if (element.closest('#controls')) return () => (document.querySelector('#controls button') ?? document.getElementById('controls')).focus({ preventScroll: true })
  return undefined
}

addEventListener('click', async ({ target }) => {
  const action = target.closest?.('button')?.dataset.action
  if (!action) return
  const answer = await fetch('/' + action, { method: 'POST', headers: { 'x-gradus': action } }).catch(() => undefined)
  connection.textContent = answer ? await answer.text() : 'The server of this page is gone.'
  isAnswered = answer?.ok ?? false
})

const events = new EventSource('/events')
events.onopen = () => (connection.textContent = '')
events.onerror = () => (connection.textContent = 'The server of this page is gone. It is looked for again all the time.')
events.onmessage = ({ data }) => {
  wanted = data
  refresh()
}
`
