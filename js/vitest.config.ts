import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // Shared machines are slow at times; a test that hangs still ends.
    testTimeout: 60_000,
    include: ["src/**/*.test.ts"],
    environment: "node",
    // A rejection or an error nobody handled fails the run: the engine promises that there is none.
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
