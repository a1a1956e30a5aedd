import { expect, it } from "vitest";
import type { Started } from "./lab-kernels.ts";
import { statusText } from "./lab-status.ts";

const trans = {
  __: (text: string, ...values: unknown[]) => text.replace(/%([0-9])/g, (_, at: string) => String(values[Number(at) - 1])),
  _n: (one: string, many: string, count: number, ...values: unknown[]) => trans.__(count === 1 ? one : many, ...values),
};
const started = { source: "link", opened: { lock: { wheels: Array.from({ length: 42 }) } } } as unknown as Started;
const verified = { ok: true, packages: 42, findings: [], differ: 0 };

it.each([
  [null, null, null, "packages of this site"],
  [started, null, null, "42 packages"],
  [started, verified, null, "42 packages \u00b7 verified"],
  [started, { ...verified, ok: false, differ: 3 }, null, "3 differ"],
  [started, { ...verified, ok: false, differ: 1 }, null, "1 differs"],
  [started, null, [50, 200], "fetching packages, 25 %"],
  [started, null, [50, null], "fetching packages\u2026"],
] as const)("case %#", (of, found, arriving, text) => {
  expect(statusText(trans, of, found, arriving)).toBe(text);
});
