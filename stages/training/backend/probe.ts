import { type BackendDescription, type BackendName, backendNames } from './backend.ts'
import { readNativeInstall } from './native-install.ts'
import { tryBackend } from './open-backend.ts'

/** What `doctor` says of one back end. */
export type BackendProbe = {
  readonly name: BackendName
  /** Whole sentences on where it is from, and on what was tried before. */
  readonly notes: readonly string[]
} & (
  ({ readonly available: true } & BackendDescription) | { readonly available: false; readonly reason: string }
)

/** Loads and tries every back end, first choice first. The last one that works stays active. */
export async function probeBackends(): Promise<readonly BackendProbe[]> {
  const probes: BackendProbe[] = []
  for (const name of backendNames) {
    const attempt = await tryBackend(name)
    const notes = name === 'tensorflow' ? await describeInstall() : []
    if ('problem' in attempt) probes.push({ name, notes, available: false, reason: attempt.problem })
    else probes.push({ ...attempt, notes, available: true })
  }
  return probes
}

/** Source and checksums of the native library, and why a source that was tried earlier did not work. */
async function describeInstall(): Promise<readonly string[]> {
  const install = await readNativeInstall()
  if (install === undefined || install.source === null) return []
  return [
    `Source: ${install.source}${install.verified === null ? '' : `, whose checksum was verified (${install.verified})`}.`,
    ...install.files.map(({ path, sha256 }) => `${path}: sha256 ${sha256}.`),
    ...install.problems.map((problem) => `Tried before: ${problem}`),
  ]
}

/** The lines that `doctor` prints for the back ends. */
export function renderProbes(probes: readonly BackendProbe[]): string {
  return probes.flatMap((probe) => [headline(probe), ...probe.notes.map((note) => `  ${note}`)]).join('\n')
}

function headline(probe: BackendProbe): string {
  if (!probe.available) return `${probe.name}: not available. ${probe.reason}`
  const { name, device, threads, version, drawback } = probe
  const withThreads = threads === undefined ? '' : ` with ${threads} thread${threads === 1 ? '' : 's'}`
  const passedOver = drawback === undefined ? '' : `; \`auto\` passes it over. ${drawback}`
  return `${name}: available, on the ${device}${withThreads} (${version})${passedOver}`
}
