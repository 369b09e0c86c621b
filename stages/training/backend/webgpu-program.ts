import * as tf from '@tensorflow/tfjs-core'
import type { DataType, Tensor, TensorInfo } from '@tensorflow/tfjs-core'

/** A number that a program is given at each run. */
interface Uniform {
  readonly type: 'int32' | 'float32'
  readonly data: readonly [number]
}

/** The part of @tensorflow/tfjs-backend-webgpu's back end that runs programs in WGSL. */
interface ProgramRunner {
  runWebGPUProgram(
    program: object,
    inputs: readonly TensorInfo[],
    type: DataType,
    uniforms: readonly Uniform[],
  ): TensorInfo
}

interface ProgramText {
  /** Tells programs apart; equal names have equal texts. */
  readonly name: string
  /** What the text calls the inputs, flat arrays in the order in which a run is given them. */
  readonly inputs: readonly string[]
  /** What the text calls the numbers of a run. */
  readonly integers?: readonly string[]
  readonly floats?: readonly string[]
  /** Statements in WGSL that compute `value` for the output's flat position `index`. */
  readonly text: string
}

/** Numbers that one group of threads makes. */
const group = 64

/**
 * An operation that WebGPU runs in one go, a thread for each number of its output.
 *
 * @returns a run: its output has the given shape, and is the caller's or the running tidy's
 */
export function webgpuProgram({ name, inputs, integers = [], floats = [], text }: ProgramText) {
  const declarations = [
    ...integers.map((each) => `${each} : i32, `),
    ...floats.map((each) => `${each} : f32, `),
  ]
  const code = `fn main(index : i32) {
    if (index < uniforms.size) {
      ${text}
      setOutputAtIndex(index, value);
    }
  }`
  return <T extends Tensor>(
    shape: readonly number[],
    tensors: readonly Tensor[],
    numbers: { readonly integers?: readonly number[]; readonly floats?: readonly number[] } = {},
  ): T => {
    const outputShape = [...shape]
    const program = {
      variableNames: inputs,
      outputShape,
      shaderKey: `gradus-${name}`,
      size: true,
      uniforms: declarations.join(''),
      workgroupSize: [group, 1, 1],
      dispatchLayout: { x: outputShape.map((_, dimension) => dimension) },
      dispatch: [Math.ceil(tf.util.sizeFromShape(outputShape) / group), 1, 1],
      getUserCode: () => code,
    }
    const uniforms = [
      ...(numbers.integers ?? []).map((number): Uniform => ({ type: 'int32', data: [number] })),
      ...(numbers.floats ?? []).map((number): Uniform => ({ type: 'float32', data: [number] })),
    ]
    const backend = tf.backend() as unknown as ProgramRunner
    return tf
      .engine()
      .makeTensorFromTensorInfo(backend.runWebGPUProgram(program, tensors, 'float32', uniforms)) as T
  }
}
