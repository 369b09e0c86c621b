/** What files of the input can be. `extensions` are the names that a search through a folder takes. */
export const inputKinds = {
  jsonl: { words: 'JSON Lines', reader: 'read-jsonl', extensions: ['.jsonl', '.ndjson'] },
  text: { words: 'text', reader: 'read-text', extensions: ['.txt'] },
  parquet: { words: 'Parquet', reader: 'read-parquet', extensions: ['.parquet'] },
  arrow: { words: 'Arrow', reader: 'read-arrow', extensions: ['.arrow', '.feather'] },
} as const

export type InputKind = keyof typeof inputKinds
