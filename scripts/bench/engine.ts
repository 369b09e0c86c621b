import type { BackendName } from '../../stages/training/backend/backend.ts'
import { openBackend } from '../../stages/training/backend/open-backend.ts'
import { dispose } from '../../stages/training/backend/tidy.ts'
import { modelConfig } from '../../stages/training/model/config.ts'
import { initialValues } from '../../stages/training/model/initialise.ts'
import { Model } from '../../stages/training/model/model.ts'
import type { PredictionStatistic } from '../../stages/training/model/prediction.ts'
import type { OptimizerSettings } from '../../stages/training/optimizers/optimizer.ts'
import { hardest } from '../../stages/training/selection/hardest.ts'
import { everything } from '../../stages/training/selection/losses.ts'
import { selectionOf, type Granularity } from '../../stages/training/selection/select.ts'
import { batchOf, type Shape } from './training-shape.ts'

const settings: OptimizerSettings = {
  rule: { name: 'adamw', beta1: 0.9, beta2: 0.95, epsilon: 1e-8 },
  decay: 0.1,
  groups: {},
}
export type Engine = Awaited<ReturnType<typeof openEngine>>

/** The engine as the stages of a run use it, on one batch over and over. */
export async function openEngine(name: BackendName, shape: Shape) {
  const config = modelConfig(shape.sizes, shape.vocabulary)
  const model = new Model(config, initialValues(config, 1), await openBackend(name))
  const optimizer = model.kernels.optimizer(model.parameters, settings)
  const batch = batchOf(shape)
  const { tokens, rows } = batch

  return {
    hidden: config.hidden,
    parameters: model.parameters.count,

    /** A whole step: forward, selection where a keep ratio is given, backward, update. */
    async step(keep?: number, granularity: Granularity = 'sequence') {
      const { losses, activations } = model.forward(tokens, rows)
      const values = (await losses.data()) as Float32Array
      const selection =
        keep === undefined
          ? everything(values)
          : selectionOf(values, batch, { keep, granularity, choose: hardest, hasThreshold: true })
      const gradients = model.backward(tokens, activations, selection)
      dispose([losses, activations])
      const norm = await model.kernels.globalNorm(gradients.values())
      optimizer.update(gradients, 1e-4, Math.min(1, 1 / norm))
      dispose([...gradients.values()])
    },

    /** A forward pass, with what a criterion other than the loss needs behind it. */
    async forward(statistic?: PredictionStatistic) {
      const { losses, activations } = model.forward(tokens, rows)
      const values = statistic && model.predictionStatistic(activations, statistic)
      await (values ?? losses).data()
      dispose([losses, activations, values])
    },

    dispose() {
      optimizer.dispose()
      model.dispose()
    },
  }
}
