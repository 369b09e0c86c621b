import { join } from 'node:path'
import { type ManifestLine, partFiles } from '../../schemas/manifest.ts'
import type { KeyedUnit } from '../documents/unit.ts'
import type { UnitState } from '../stage.ts'
import { type Manifest, newestLines } from './manifest-file.ts'
import { partKeys } from './part-writer.ts'
import { isIntact } from './shards-folder.ts'

/** Holds a plan against a folder: what there is of each unit, its files read to the last byte. Changes nothing. */
export async function unitStates(
  folder: string,
  planned: readonly KeyedUnit[],
  manifest: Pick<Manifest, 'lines'>,
  signal: AbortSignal,
): Promise<UnitState[]> {
  const lines = newestLines(manifest)
  const states: UnitState[] = []
  for (const unit of planned) {
    signal.throwIfAborted()
    states.push(await stateOf(folder, unit, lines.get(unit.unit.index)))
  }
  return states
}

async function stateOf(folder: string, unit: KeyedUnit, line: ManifestLine | undefined): Promise<UnitState> {
  const { keys } = unit
  const missing = (reason: string): UnitState => ({
    ...unit,
    kept: { documents: false, columns: [] },
    isFinished: false,
    reasons: [reason],
  })
  if (!line) return missing('nothing is there')
  if (line.documentsKey !== keys.documents) return missing('its documents are others')
  const { part } = line
  const finished: UnitState = {
    ...unit,
    kept: { documents: true, columns: Object.keys(keys.columns) },
    isFinished: true,
    reasons: [],
  }
  if (!part)
    return line.key === keys.all ? finished : missing('it has no documents, and options have changed')
  const names = partFiles(unit.unit.index)
  const [areTokensIntact, areScoresIntact] = [
    await isIntact(join(folder, names.tokens), part.tokensFile),
    await isIntact(join(folder, names.scores), part.scoresFile),
  ]
  if (line.key === keys.all && areTokensIntact && areScoresIntact) return finished
  const fileStays = areTokensIntact && part.tokensKey === partKeys(keys).tokens
  const metrics = areScoresIntact ? part.metrics.filter(({ name, key }) => keys.columns[name] === key) : []
  const columns = [...(fileStays ? ['tokens'] : []), ...metrics.map(({ name }) => name)]
  return {
    ...unit,
    kept: { documents: areTokensIntact, columns, ...(fileStays && { file: part.tokensFile }) },
    isFinished: false,
    reasons: [
      ...(areTokensIntact ? [] : [`\`${names.tokens}\` is missing or damaged`]),
      ...(areScoresIntact ? [] : [`\`${names.scores}\` is missing or damaged`]),
      ...(areTokensIntact && areScoresIntact ? changesOf(line, unit) : []),
    ],
  }
}

/** Why intact files are not those that are asked for. */
function changesOf({ part }: ManifestLine, { keys }: KeyedUnit): string[] {
  const there = new Map(part?.metrics.map(({ name, key }) => [name, key]))
  if (part && 'tokens' in keys.columns) there.set('tokens', part.tokensKey)
  const wanted = Object.entries(keys.columns)
  const changes = [
    ...wanted.filter(([name]) => !there.has(name)).map(([name]) => `\`${name}\` is new`),
    ...wanted
      .filter(([name, key]) => there.has(name) && there.get(name) !== key)
      .map(([name]) => `what \`${name}\` is made from has changed`),
    ...[...there.keys()].filter((name) => !(name in keys.columns)).map((name) => `\`${name}\` is left out`),
  ]
  return changes.length > 0 ? changes : ['the order of the metrics has changed']
}
