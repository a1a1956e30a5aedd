/**
 * Import names that wheels declare in METADATA, and wheels that cannot be installed together for them. Agrees with
 * `micropip_lock/app/clashes.py`.
 *
 * Source: PEP 794, "Specification".
 */

import { byCodePoint } from "./json.ts";

/** What is looked at of a wheel; its METADATA is one that `readMetadata` takes. */
export interface Declaring {
  /** Normalised. */
  readonly name: string;
  readonly metadata: string;
}

export interface Clash {
  readonly module: string;
  /** The distributions, sorted; a single one when it declares the name as its own and as shared. */
  readonly names: readonly string[];
}

const FIELD = /^import-name(space)?:(.*)$/i;

/** The first name, in order, that one wheel declares as its own and another as well; `null` when there is none. */
export function importClash(wheels: readonly Declaring[]): Clash | null {
  const own = new Map<string, string[]>();
  const shared = new Map<string, string[]>();
  // Nearly no METADATA has the fields.
  for (const { name, metadata } of wheels.filter(({ metadata }) => /^import-name/im.test(metadata))) {
    const declared = [new Set<string>(), new Set<string>()] as const;
    for (const line of unfolded(metadata)) {
      const [, isSpace, value = ""] = FIELD.exec(line) ?? [];
      const module = (value.split(";", 1)[0] ?? "").trim();
      if (module !== "") {
        declared[isSpace === undefined ? 0 : 1].add(module);
      }
    }
    for (const [claims, modules] of [
      [own, declared[0]],
      [shared, declared[1]],
    ] as const) {
      for (const module of modules) {
        claims.set(module, [...(claims.get(module) ?? []), name]);
      }
    }
  }
  const clashes = [...own]
    .map(([module, owners]) => ({ module, names: [...owners, ...(shared.get(module) ?? [])] }))
    .filter(({ names }) => names.length > 1)
    .sort((a, b) => byCodePoint(a.module, b.module));
  const [first] = clashes;
  return first === undefined ? null : { module: first.module, names: [...new Set(first.names)].sort(byCodePoint) };
}

/** The lines of the fields, each with what goes on below it. */
function unfolded(metadata: string): readonly string[] {
  const text = metadata.replace(/\r\n?/g, "\n");
  const stop = text.indexOf("\n\n");
  return (stop < 0 ? text : text.slice(0, stop)).replace(/\n[ \t]+/g, " ").split("\n");
}
