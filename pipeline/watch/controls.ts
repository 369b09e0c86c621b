import { readRunFolders } from '../report/run-folder.ts'
import { formatNumber } from '../progress.ts'
import { type Html, html } from '../report/html.ts'
import type { RunState } from './run-state.ts'

const sentences: Readonly<Record<RunState['name'], string>> = {
  running: 'The run goes on.',
  elsewhere: 'The run goes on, on another machine.',
  stopped: 'The run has stopped before its end.',
  ended: 'The run has reached its end.',
}

/** How the run stands, and what can be done about it. */
export async function controls(folder: string, state: RunState, signature: string): Promise<Html> {
  const [{ steps, graph }] = await readRunFolders([folder])
  const last = steps.at(-1)
  const canGoOn = graph?.nodes.some(({ stage }) => stage.name === 'checkpoint') ?? false
  const button = (action: string, text: string) =>
    html`<button type="button" data-action="${action}">${text}</button>`
  return html`<div class="live" id="controls" tabindex="-1" data-signature="${signature}">
      <p role="status">${sentences[state.name]}</p>
      <p>${last ? `Step ${last.step}, loss ${formatNumber(last.loss)}.` : 'There is no step yet.'}</p>
      ${state.name === 'running' && canGoOn ? button('stop', 'Stop, with a checkpoint') : ''}
      ${state.name === 'stopped' && canGoOn ? button('go-on', 'Go on') : ''}
    </div>
    <p id="connection" role="status"></p>`
}
