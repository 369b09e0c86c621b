import { fileURLToPath } from 'node:url'

/** The graphs that come with the product stand beside the sources; compiled code lies one folder deeper, in dist/. */
const folder = new URL(
  import.meta.url.includes('/dist/pipeline/') ? '../../pipeline/graphs/' : './graphs/',
  import.meta.url,
)

/** Path of a graph that comes with the product, such as `train`. */
export function builtInGraph(name: 'ngrams' | 'score' | 'tokenizer' | 'train'): string {
  return fileURLToPath(new URL(`${name}.yaml`, folder))
}
