import * as tf from '@tensorflow/tfjs-core'
import { UserError } from '../../../schemas/user-error.ts'
import { seededRandom } from '../../../stages/seeded-random.ts'
import { generate, type Generation } from '../../../stages/training/generate.ts'
import { modelConfig, type ModelConfig } from '../../../stages/training/model/config.ts'
import { Decoder } from '../../../stages/training/model/decoder.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import { Model } from '../../../stages/training/model/model.ts'
import { sampleToken } from '../../../stages/training/sampling.ts'
import { onEveryBackend } from './backends.ts'

const configs = {
  'a tied head, every head with keys of its own': modelConfig(
    { dim: 24, layers: 2, heads: 3, context: 16 },
    37,
  ),
  'a head of its own, and three heads to a key': modelConfig(
    { dim: 36, layers: 3, heads: 6, kvHeads: 2, hidden: 50, context: 16, tied: false },
    41,
  ),
}
/** Initial values with matrices ten times as large, so that heads and tokens are far from alike. */
const valuesOf = (config: ModelConfig) =>
  new Map(
    [...initialValues(config, 5)].map(([name, values]) => [
      name,
      name.includes('norm')
        ? values.map((value, i) => value + (i % 5) / 10)
        : values.map((value) => 10 * value),
    ]),
  )

const tokensOf = (config: ModelConfig, count: number) =>
  Int32Array.from({ length: count }, (_, i) => (7 * i + 3 * i * i) % config.vocabulary)

const likeliest = { temperature: 0, topK: 0, topP: 1, model: 'models/small' }
const bold = { ...likeliest, temperature: 1.2 }
const careful = { ...likeliest, temperature: 0.8, topK: 12, topP: 0.9 }

await onEveryBackend((backend) => {
  describe.each(Object.entries(configs))('a model with %s', (_, config) => {
    let decoder: Decoder
    beforeEach(() => {
      decoder = new Decoder(config, valuesOf(config), backend().name)
    })
    afterEach(() => decoder.dispose())

    /** The tokens that come out where everything is read again for each of them. */
    async function generateWithoutCache(
      prompt: number[],
      { tokens, seed, endOfText, ...sampling }: Generation,
    ) {
      const random = seededRandom(seed)
      const text = [...prompt]
      let start = 0
      while (text.length < prompt.length + tokens) {
        if (text.length - start > config.context) start = text.length - config.context / 2
        decoder.clear()
        const next = sampleToken(await decoder.read(text.slice(start)), sampling, random)
        if (next === endOfText) break
        text.push(next)
      }
      return text.slice(prompt.length)
    }

    test.each([[[16]], [Array<number>(16).fill(1)], [[5, 1, 1, 9]]])(
      'gives the logits of training, when it reads %j tokens at a time',
      async (portions) => {
        const model = new Model(config, valuesOf(config), backend())
        const tokens = tokensOf(config, 17)
        const losses = model.losses(tokens, 1).dataSync()
        let read = 0
        for (const portion of portions) {
          const logits = await decoder.read(tokens.subarray(read, (read += portion)))
          expect(logits).toHaveLength(config.vocabulary)
          const chances = tf.logSoftmax(tf.tensor1d(logits)).dataSync()
          expect(-chances[tokens[read]]).toBeCloseTo(losses[read - 1], 4)
        }
        expect(decoder.length).toBe(16)
        model.dispose()
      },
    )

    test.each([
      ['the likeliest', likeliest],
      ['drawn from all', bold],
      ['drawn from the likeliest', careful],
    ])('tokens that are %s are the same with the cache as without', async (_, sampling) => {
      for (const seed of [1, 2, 3]) {
        const prompt = [...tokensOf(config, 3 + seed)]
        // Three times the context: what the model has forgotten makes no difference either.
        const generation = { ...sampling, tokens: 48, seed, endOfText: -1 }
        const added = await generate(decoder, prompt, generation)
        expect(added).toHaveLength(48)
        expect(added).toEqual(await generateWithoutCache(prompt, generation))
      }
    })

    test('a prompt longer than the context is continued from its end', async () => {
      const prompt = [...tokensOf(config, 30)]
      const generation = { ...careful, tokens: 5, seed: 1, endOfText: -1 }
      expect(await generate(decoder, prompt, generation)).toEqual(
        await generate(decoder, prompt.slice(-config.context / 2), generation),
      )
    })

    test('a text ends where its end is drawn', async () => {
      const generation = { ...bold, tokens: 20, seed: 4, endOfText: -1 }
      const whole = await generate(decoder, [1, 2], generation)
      const end = whole[9]
      const cut = whole.indexOf(end)
      expect(await generate(decoder, [1, 2], { ...generation, endOfText: end })).toEqual(whole.slice(0, cut))
    })

    test.each([NaN, Infinity])('nothing is drawn by a model with a weight of %p', async (weight) => {
      const values = valuesOf(config)
      values.get('model.layers.1.mlp.down_proj.weight')?.set([weight], 5)
      const other = new Decoder(config, values, backend().name)
      for (const sampling of [likeliest, bold, careful]) {
        const outcome = generate(other, [1, 2], { ...sampling, tokens: 3, seed: 1, endOfText: -1 })
        await expect(outcome).rejects.toThrow(
          'The model `models/small` predicts numbers that are not finite: its training diverged',
        )
        await expect(outcome).rejects.toBeInstanceOf(UserError)
      }
      other.dispose()
    })

    test('more tokens than the context holds are refused', async () => {
      await decoder.read(tokensOf(config, 10))
      await expect(decoder.read(tokensOf(config, 7))).rejects.toThrow(
        "10 + 7 tokens do not fit the model's context of 16",
      )
      expect(decoder.length).toBe(10)
    })

    test('reading keeps no tensor, and disposal gives all back', async () => {
      const before = tf.memory().numTensors
      const other = new Decoder(config, valuesOf(config), backend().name)
      const held = tf.memory().numTensors
      await generate(other, [1], { ...bold, tokens: 20, seed: 1, endOfText: -1 })
      expect(tf.memory().numTensors).toBe(held)
      other.dispose()
      expect(tf.memory().numTensors).toBe(before)
    })
  })
})
