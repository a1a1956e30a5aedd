import { describe, expect, it } from "vitest";
import vectors from "../../tests/vectors/previews.json" with { type: "json" };
import { lockId } from "./lock.ts";
import { readLock } from "./lock-reader.ts";
import { type Here, type Preview, previewLock } from "./preview.ts";
import { previewElement } from "./preview-element.ts";
import { humanSize, previewLines } from "./preview-text.ts";

interface Vector {
  readonly text: string;
  readonly place: {
    readonly installed?: Record<string, string>;
    readonly abi?: string;
    readonly usual_hosts?: string[];
    readonly running?: boolean;
    readonly approved?: boolean;
    readonly base?: string;
  };
  readonly preview?: Preview;
  readonly lines?: readonly string[];
  readonly code?: string;
}

function hereOf({ installed, abi, usual_hosts, running, approved }: Vector["place"], id: string): Here {
  return {
    ...(installed && { installed }),
    ...(abi && { abi }),
    ...(usual_hosts && { usualHosts: usual_hosts }),
    running: running ? id : null,
    isApproved: () => approved ?? false,
  };
}

describe("previews", () => {
  it.each((vectors as unknown as Vector[]).map((one) => [one] as const))("vector %#", async ({ text, place, preview, lines, code }) => {
    const id = await lockId(text);
    const here = hereOf(place, id);
    if (code !== undefined) {
      expect(() => previewLock(readLock(text), id, place.base, here)).toThrow(expect.objectContaining({ code }));
    } else {
      const got = previewLock(readLock(text), id, place.base, here);
      expect(got).toEqual(preview);
      expect(previewLines(got)).toEqual(lines);
    }
  });

  it("shows sizes, halves rounded up", () => {
    expect([0, 999, 1000, 1249, 1250, 999_949, 999_950, 5_250_000, 3e12].map(humanSize)).toEqual(
      ["0 B", "999 B", "1.0 kB", "1.2 kB", "1.3 kB", "999.9 kB", "1.0 MB", "5.3 MB", "3000.0 GB"],
    );
  });
});

/** As much of a document as a preview may use: whatever would parse markup or set an attribute is not there. */
class FakeElement {
  readonly name: string;
  readonly inside: (FakeElement | string)[] = [];

  constructor(name: string) {
    this.name = name;
  }

  append(...nodes: readonly (FakeElement | string)[]): void {
    this.inside.push(...nodes);
  }

  get names(): readonly string[] {
    return [this.name, ...this.inside.flatMap((one) => (typeof one === "string" ? [] : one.names))];
  }

  get text(): string {
    return this.inside.map((one) => (typeof one === "string" ? one : one.text)).join("|");
  }
}

const page = {
  createElement: (name: string) =>
    new Proxy(new FakeElement(name), {
      set: (_, key) => {
        throw new Error(`a preview sets ${String(key)}`);
      },
    }),
} as unknown as Document;

const ELEMENTS = ["section", "p", "strong", "ul", "li", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "small", "code"];
const HOSTILE = ["<img src=x onerror=alert(1)>", "</td><script>1</script>", "warning: <b>", '"><b>', "a\u202eb", "a\u001b[31m", "a\nb"];

describe("the element", () => {
  // Pieces that close, open and hide, put together at random, the same each time.
  const mixed = Array.from({ length: 200 }, (_, seed) =>
    Array.from({ length: 4 }, (_, at) => HOSTILE[(seed * 31 + at * at * 17 + ((seed * at) >> 1)) % HOSTILE.length]).join(""),
  );

  it.each([...HOSTILE, ...mixed])("takes every text as text: %j", (text) => {
    const preview: Preview = {
      lock: text,
      abi: text,
      standing: "new",
      hosts: [{ host: text, packages: 1, size: 1 }],
      indexes: [text],
      packages: [
        { name: text, version: text, size: null, host: text, index: text, native: true, requested: true, change: "replaces", installed: text },
      ],
      download: 1,
      unsized: 1,
      beside: [text],
      warnings: [{ code: text, message: text, packages: [text] }],
    };
    const element = previewElement(preview, page) as unknown as FakeElement;
    expect(element.names.filter((name) => !ELEMENTS.includes(name))).toEqual([]);
    const shown = text.replaceAll("\n", "").replace(/[\u202e\u001b]/g, "\ufffd");
    expect(element.text.split(shown).length).toBeGreaterThan(9);
    expect(element.text).not.toMatch(/[\u202e\u001b\n]/);
  });
});
