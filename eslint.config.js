import tseslint from 'typescript-eslint'

/** Typed lint: a floating promise in a server is a lost error, so it is an error here. */
export default tseslint.config(
  { ignores: ['dist', 'data', 'node_modules', 'coverage', 'eslint.config.js', '**/*.client.js'] },
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/require-await': 'off',
      'no-restricted-properties': [
        'error',
        {
          object: 'Math',
          property: 'random',
          message: 'Randomness is injected (rule 10) and cryptographic.',
        },
      ],
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['src/cli/**', 'test/**'], rules: { 'no-console': 'off' } },
)
