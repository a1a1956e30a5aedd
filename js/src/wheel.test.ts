import { describe, expect, it } from "vitest";
import { pickInflate } from "./inflate.ts";
import { FILENAME, filesOf, INFO, rowOf, wheelOf, zipOf } from "./wheel.test-builder.ts";
import { openWheel } from "./wheel.ts";

const inflate = pickInflate();
const open = (others: Readonly<Record<string, string | Uint8Array>> = {}, filename = FILENAME) => openWheel(wheelOf(others), filename, inflate);

// That nothing is taken that Python refuses, tests/contract/test_plain_wheels.py proves; here is what is found.
describe("openWheel", () => {
  it("finds the facts of an ordinary wheel", () => {
    const files = filesOf();
    const wheel = open();

    expect(wheel).toMatchObject({
      filename: FILENAME,
      distInfo: INFO,
      dataDir: "six-1.16.0.data",
      recordText: files[`${INFO}/RECORD`],
      metadata: files[`${INFO}/METADATA`],
      requiresPython: ">=2.7",
    });
    expect(wheel?.entries.map(({ path }) => path)).toEqual(Object.keys(files));
    expect(wheel?.entries[0]).toEqual({
      path: "six.py",
      start: 36,
      packedSize: 8,
      size: 6,
      method: 8,
      crc: 0x8c5a8c0d,
      mode: 0o644,
      digest: rowOf("six.py", "X = 1\n").slice("six.py,sha256=".length).split(",")[0],
    });
    expect(wheel?.entries.at(-1)?.digest).toBeNull();
  });

  it("reads a wheel that lies somewhere in a larger buffer", () => {
    const bytes = wheelOf();
    const buffer = new Uint8Array(bytes.length + 100);
    buffer.set(bytes, 50);

    expect(openWheel(buffer.subarray(50, 50 + bytes.length), FILENAME, inflate)).toEqual(open());
  });

  it.each([
    ["scripts of the ordinary kind", { [`${INFO}/entry_points.txt`]: "[console_scripts]\nsix = six:main\n" }],
    ["its own .data directory", { "six-1.16.0.data/data/share/six.json": "{}", "six-1.16.0.data/scripts/six": "#!python\n" }],
    ["names that begin like others' rooms", { "micropipes/x.py": "", "comm.py": "", "auxiliary/console.py": "", "x/y.pth": "" }],
    ["import names", { [`${INFO}/METADATA`]: "Metadata-Version: 2.5\nName: Six\nVersion: 1.16.0\nImport-Name: six\n" }],
  ])("takes %s", (_, others: Record<string, string>) => {
    expect(open(others)).not.toBeNull();
  });

  it.each([
    ["a path file", { "six.pth": "import six\n" }],
    ["a path file in site-packages by way of .data", { "six-1.16.0.data/purelib/six.pth": "import six\n" }],
    ["a start-up module", { "sitecustomize.py": "" }],
    ["a file in micropip", { "micropip/x.py": "" }],
    ["a device of Windows", { "six/aux.txt": "" }],
    ["a name that differs in case only", { "SIX.py": "" }],
    ["a file that is a directory as well", { "six.py/x": "" }],
    ["a forged origin", { [`${INFO}/direct_url.json`]: "{}" }],
    ["a second distribution", { "seven-1.0.dist-info/METADATA": "" }],
    ["an unknown scheme", { "six-1.16.0.data/other/x": "" }],
    ["a part of the standard library", { "six-1.16.0.data/data/lib/python3.14/os.py": "" }],
    ["a name that needs quotation marks in RECORD", { "a,b.py": "" }],
    ["a name that is not ASCII", { "é.py": "" }],
    ["another name in METADATA", { [`${INFO}/METADATA`]: "Metadata-Version: 2.1\nName: seven\nVersion: 1.16.0\n" }],
    ["another version in METADATA", { [`${INFO}/METADATA`]: "Metadata-Version: 2.1\nName: six\nVersion: 1.16\n" }],
    ["another format", { [`${INFO}/WHEEL`]: "Wheel-Version: 2.0\n" }],
    ["METADATA that is not UTF-8", { [`${INFO}/METADATA`]: Uint8Array.of(0xff) }],
    ["a script that is a path", { [`${INFO}/entry_points.txt`]: "[console_scripts]\n../six = six:main\n" }],
    ["a RECORD that lists too little", { [`${INFO}/RECORD`]: "six.py,,\n" }],
  ])("leaves %s to Python", (_, others: Record<string, string | Uint8Array>) => {
    expect(open(others)).toBeNull();
  });

  it.each(["six-1.16.0.whl", "seven-1.16.0-py3-none-any.whl", "six-1.16.1-py3-none-any.whl", `${"s".repeat(250)}-1.0-py3-none-any.whl`])(
    "leaves the wheel to Python when it is called %s",
    (filename) => {
      expect(open({}, filename)).toBeNull();
    },
  );

  it("leaves a text to Python whose CRC or size is another", () => {
    const parts = Object.entries(filesOf()).map(([path, content]) => ({ path, content }));
    const long = parts.map((part) => (part.path.endsWith("WHEEL") ? { ...part, size: 1000 } : part));
    const bytes = zipOf(parts.map((part) => ({ ...part, stored: true })));
    const at = Buffer.from(bytes).indexOf("Root-Is");
    bytes[at] = 0x72;

    expect([openWheel(zipOf(long), FILENAME, inflate), openWheel(bytes, FILENAME, inflate)]).toEqual([null, null]);
  });

  it("does not hide what is wrong with itself", () => {
    const broken = () => {
      throw new RangeError("out of memory");
    };

    expect(() => openWheel(wheelOf(), FILENAME, broken)).toThrow(RangeError);
  });
});
