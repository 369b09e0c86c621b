import js from '@eslint/js'
import prettier from 'eslint-config-prettier'
import tseslint from 'typescript-eslint'

const oneWay = (folders) => ({
  'no-restricted-imports': [
    'error',
    {
      patterns: folders.map((folder) => ({
        regex: `^(\\.\\./)+${folder}/`,
        message: 'Imports point one way: pipeline, then stages, then scoring and schemas.',
      })),
    },
  ],
})

export default tseslint.config(
  { ignores: ['dist/', 'runs/', 'shards/', 'quickstart/'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  prettier,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['*.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  { files: ['**/*.js'], ...tseslint.configs.disableTypeChecked },
  { files: ['scoring/**/*.ts', 'schemas/**/*.ts'], rules: oneWay(['pipeline', 'stages', 'scripts']) },
  { files: ['stages/**/*.ts'], rules: oneWay(['pipeline', 'scripts']) },
)
