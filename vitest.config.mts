import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['lib/test/**/*.test.ts', 'kernel/test/**/*.test.ts', 'tools/test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    setupFiles: ['lib/test/support/setup.ts'],
  },
});
