import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts"],
    environment: "node",
    // A rejection or an error nobody handled fails the run: the engine promises that there is none.
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
