import { describe, expect, it } from "vitest";
import { type Answer, Approvals, Consent, isFramedByOthers, type Memory, type View } from "./consent.ts";

const [A, B] = ["a".repeat(64), "b".repeat(64)] as const;

function memory(text: string | null = null): Memory & { text: string | null } {
  const kept = {
    text,
    getItem: () => kept.text,
    setItem: (_: string, value: string) => {
      kept.text = value;
    },
  };
  return kept;
}

const alone = (approvals = new Approvals(() => memory())): Consent => new Consent(approvals, () => false);

describe("what follows", () => {
  it("is a question, for each lock anew", () => {
    const consent = alone();
    expect(consent.step(A)).toBe("ask");
    expect(consent.admits(A, true)).toBe(true);
    consent.installed(A);
    expect([consent.step(A), consent.step(B)]).toEqual(["running", "ask"]);
    consent.installed(B);
    expect(consent.step(A)).toBe("ask");
  });

  it("is no question where a person said so, on that site, for that lock", () => {
    const kept = memory();
    const here = new Approvals(() => kept);
    expect(alone(here).admits(A, { install: true, remember: true })).toBe(true);
    expect(alone(here).admits(B, { install: true })).toBe(true);
    const next = alone(new Approvals(() => kept));
    expect([next.step(A), next.step(B)]).toEqual(["install", "ask"]);
    here.forget(A);
    expect(next.step(A)).toBe("ask");
  });

  it("is nothing in a frame of another site, whatever is remembered or answered", () => {
    const approvals = new Approvals(() => memory(JSON.stringify([A])));
    const framed = new Consent(approvals, () => true);
    framed.installed(A);
    expect([framed.step(A), framed.admits(A, { install: true, remember: true })]).toEqual(["own-tab", false]);
  });

  it.each<unknown>([false, undefined, null, 1, "yes", {}, { install: "yes" }, { install: false, remember: true }, []])(
    "is no installation for the answer %j, and nothing to remember",
    (answer) => {
      const kept = memory();
      expect(alone(new Approvals(() => kept)).admits(A, answer as Answer)).toBe(false);
      expect(kept.text).toBe(null);
    },
  );
});

describe("what is remembered", () => {
  it.each([
    ["no JSON", "["],
    ["no list", "{}"],
    ["no identity", JSON.stringify([A.toUpperCase()])],
    ["something else among them", JSON.stringify([A, 1])],
    ["too many", JSON.stringify(Array.from({ length: 201 }, () => A))],
    ["nothing", "null"],
  ])("is nothing when there is %s", (_, text) => {
    expect(new Approvals(() => memory(text)).has(A)).toBe(false);
  });

  it("is nothing where the browser refuses", () => {
    const refused = new Approvals(() => {
      throw new Error("denied");
    });
    refused.remember(A);
    expect([refused.list(), new Approvals(() => null).list()]).toEqual([[], []]);
  });

  it("is a limited number, the oldest forgotten first", () => {
    const kept = memory();
    const approvals = new Approvals(() => kept);
    for (let number = 0; number < 201; number += 1) {
      approvals.remember(number.toString(16).padStart(64, "0"));
    }
    expect([approvals.list().length, approvals.has("0".repeat(64)), approvals.has("c8".padStart(64, "0"))]).toEqual([200, false, true]);
  });
});

describe("frames", () => {
  const top = (origin: string): View => {
    const view: { location: { origin: string }; parent?: View } = { location: { origin } };
    view.parent = view;
    return view;
  };
  const inside = (parent: View, origin: string): View => ({ parent, location: { origin } });
  const ours = "https://page.example";

  it.each([
    ["a page of its own", top(ours), false],
    ["a worker, or Node", {}, false],
    ["a frame of the same site", inside(top(ours), ours), false],
    ["a frame of another site", inside(top("https://other.example"), ours), true],
    ["another port", inside(top(`${ours}:8443`), ours), true],
    ["another site around", inside(inside(top("https://other.example"), ours), ours), true],
    ["another site in between", inside(inside(top(ours), "https://other.example"), ours), true],
    ["a frame without an origin", inside(top(ours), "null"), true],
  ])("%s", (_, view, expected) => {
    expect(isFramedByOthers(view)).toBe(expected);
  });

  it("a parent that may not be looked at", () => {
    const parent: View = {
      get location(): never {
        throw new Error("SecurityError");
      },
    };
    expect(isFramedByOthers(inside(parent, ours))).toBe(true);
  });
});
