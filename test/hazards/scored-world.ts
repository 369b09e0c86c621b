import { makeWorld, scoring, succeed } from '../../scripts/bench/faults/world.ts'

/** A folder with twelve texts and their shards. */
export async function makeScoredWorld(folder: string): Promise<void> {
  await makeWorld(folder, 12)
  await succeed(folder, scoring('--vocabulary', '400', '--metrics', 'compression-ratio', '--workers', '1'))
}
