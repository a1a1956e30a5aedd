import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";
import { expect, it } from "vitest";
import type { Engine } from "./engine.ts";

const bundle = new URL("../../micropip_lock/data/engine.js", import.meta.url);

it("the value of the bundle's text is an engine, which is how Pyodide's run_js gets it", async () => {
  const engine: Engine = runInThisContext(readFileSync(bundle, "utf8"));
  const result = await engine.download(bundle.href).promise;

  expect(typeof engine.download).toBe("function");
  expect(result).toMatchObject({ ok: true, bytes: new Uint8Array(readFileSync(bundle)) });
});

it("the bundle leaves no name behind in the page", () => {
  const before = Object.getOwnPropertyNames(globalThis);
  runInThisContext(readFileSync(bundle, "utf8"));

  expect(Object.getOwnPropertyNames(globalThis)).toEqual(before);
});
