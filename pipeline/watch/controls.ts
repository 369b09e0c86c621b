import { listCheckpoints, updatesOf } from '../../stages/training/checkpoint-folder.ts'
import { formatNumber } from '../progress.ts'
import { type Html, html } from '../report/html.ts'
import { readRunFolders } from '../report/run-folder.ts'
import type { Action } from './control-run.ts'
import type { RunState, WatchedRun } from './run-state.ts'

/** How the run stands, and what can be done about it. */
export async function controls(run: WatchedRun, state: RunState, signature: string): Promise<Html> {
  const [{ steps }] = await readRunFolders([run.folder])
  const last = steps.at(-1)
  return html`<div class="live" id="controls" tabindex="-1" data-signature="${signature}">
      <p role="status">${sentenceOf(state)}</p>
      <p>
        ${last ? `${last.step + 1} steps so far, loss ${formatNumber(last.loss)}.` : 'There is no step yet.'}
      </p>
      <p>${await checkpointsOf(run, state)}</p>
      <div class="buttons">${run.checkpoints === undefined ? '' : buttonsOf(state).map(button)}</div>
    </div>
    <p id="connection" role="status"></p>`
}

function button([action, text]: readonly [Action, string]): Html {
  return html`<button type="button" data-action="${action}">${text}</button>`
}

function sentenceOf(state: RunState): string {
  if (state.name !== 'training') {
    return state.name === 'ended' ? 'The run has reached its end.' : 'The run has stopped before its end.'
  }
  const { requested, isPaused, isHere } = state
  const place = isHere ? '' : ', on another machine'
  if (requested.has('stop')) return `The run stops after this step and a checkpoint${place}.`
  if (!requested.has('pause')) return `The run goes on${place}.`
  return isPaused ? `The run is paused${place}.` : `The run pauses after this step${place}.`
}

async function checkpointsOf({ checkpoints }: WatchedRun, state: RunState): Promise<string> {
  if (checkpoints === undefined) return 'It keeps no checkpoints.'
  if (state.name === 'training' && state.requested.has('checkpoint-now')) {
    return 'A checkpoint is written after this step.'
  }
  const newest = (await listCheckpoints(checkpoints)).at(-1)
  return newest === undefined
    ? 'There is no checkpoint yet.'
    : `The newest checkpoint was written after ${updatesOf(newest)} steps.`
}

function buttonsOf(state: RunState): readonly (readonly [Action, string])[] {
  if (state.name !== 'training') return state.name === 'ended' ? [] : [['go-on', 'Go on']]
  if (state.requested.has('stop')) return []
  return [
    state.requested.has('pause') ? ['go-on', 'Go on'] : ['pause', 'Pause'],
    ['checkpoint', 'Checkpoint now'],
    ['stop', 'Stop, with a checkpoint'],
  ]
}
