import { expect, it } from "vitest";
import { StartingKernel } from "./lab-starting-kernel.ts";
import type { LiteKernel } from "./lab-types.ts";

const OPTIONS = { id: "k", name: "python", location: "" };

function kernel(ready: Promise<void> = Promise.resolve()) {
  const told: unknown[] = [];
  const made: LiteKernel & { told: unknown[] } = {
    ready,
    told,
    handleMessage: (message) => Promise.resolve(void told.push(message)),
    dispose: () => void told.push("disposed"),
  };
  return made;
}

it("hands every message to the kernel that started, once it is ready", async () => {
  let go: () => void = () => undefined;
  const inner = kernel(new Promise((resolve) => { go = resolve; }));
  const starting = new StartingKernel(OPTIONS, async (made) => {
    made(inner);
    await inner.ready;
  });
  const handled = starting.handleMessage("first");
  expect(inner.told).toEqual([]);
  go();
  await handled;
  expect(inner.told).toEqual(["first"]);
});

it("tells once that it is gone, and takes what was started with it", async () => {
  const inner = kernel();
  const starting = new StartingKernel(OPTIONS, async (made) => made(inner));
  await starting.ready;
  const told: unknown[] = [];
  starting.disposed.connect((sender) => told.push(sender));
  starting.dispose();
  starting.dispose();
  expect([told, inner.told, starting.isDisposed]).toEqual([[starting], ["disposed"], true]);
});

it("starts nothing more when it is gone already", async () => {
  const inner = kernel();
  let go: () => void = () => undefined;
  const decided = new Promise<void>((resolve) => { go = resolve; });
  const starting = new StartingKernel(OPTIONS, async (made) => {
    await decided;
    made(inner);
  });
  starting.dispose();
  go();
  await expect(starting.ready).rejects.toThrow("shut down");
  expect(inner.told).toEqual(["disposed"]);
});
