/** The back ends in the order in which `auto` tries them. */
export const backendNames = ['tensorflow', 'webgpu', 'wasm'] as const
export type BackendName = (typeof backendNames)[number]

/** What a user may ask for. */
export const backendChoices = ['auto', ...backendNames] as const
export type BackendChoice = (typeof backendChoices)[number]

/** What a back end says of itself once it is loaded and active. */
export interface BackendDescription {
  /** Where operations run. */
  readonly device: 'CPU' | 'GPU'
  /** Of the library underneath, such as `libtensorflow 1.15.0`. */
  readonly version: string
  /** Threads that one operation may use; absent where a GPU sees to that. */
  readonly threads?: number
  /** Why `auto` passes it over although it works: one sentence. */
  readonly drawback?: string
}

/** The active back end of @tensorflow/tfjs-core. */
export interface Backend extends BackendDescription {
  readonly name: BackendName
  /** Why it is this one: one sentence. */
  readonly reason: string
}
