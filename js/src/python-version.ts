/**
 * Whether a Python satisfies a `Requires-Python` that is written plainly.
 *
 * Source: version specifiers (PEP 440). Agrees with Python's `packaging` through `tests/vectors/requires_python.json`.
 */

const CLAUSE = /^(==|!=|<=|>=|<|>|~=) *([0-9]{1,9}(?:\.[0-9]{1,9})*)(\.\*)?$/;

/**
 * @param specifiers The field, e.g. `>=3.8, !=3.9.*`.
 * @param python A final release, e.g. `3.14.2`.
 * @returns `null` when the field has anything but final releases in it: that is for Python to judge.
 */
export function admitsPython(specifiers: string, python: string): boolean | null {
  if (specifiers.trim() === "") {
    return true;
  }
  const here = numbers(python);
  let admits = true;
  for (const clause of specifiers.split(",")) {
    const [, operator = "", release = "", wildcard] = CLAUSE.exec(clause.trim()) ?? [];
    const wanted = numbers(release);
    if (operator === "" || (wildcard !== undefined && operator !== "==" && operator !== "!=") || (operator === "~=" && wanted.length < 2)) {
      return null;
    }
    admits &&= holds(operator, here, wanted, wildcard !== undefined);
  }
  return admits;
}

function holds(operator: string, here: readonly number[], wanted: readonly number[], isPrefix: boolean): boolean {
  const order = compare(here, wanted);
  switch (operator) {
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "~=":
      return order >= 0 && startsWith(here, wanted.slice(0, -1));
    default:
      return (isPrefix ? startsWith(here, wanted) : order === 0) === (operator === "==");
  }
}

function numbers(release: string): readonly number[] {
  return release.split(".").map(Number);
}

/** Releases are as if they went on with zeros. */
function compare(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const order = (a[at] ?? 0) - (b[at] ?? 0);
    if (order !== 0) {
      return order;
    }
  }
  return 0;
}

function startsWith(release: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((number, at) => (release[at] ?? 0) === number);
}
