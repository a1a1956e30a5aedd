import { describe, expect, it } from "vitest";
import { isPlainRequirement, isPlainSpecifier } from "./requirement.ts";

describe("isPlainRequirement", () => {
  it.each([
    "six",
    "ruamel.yaml.clib",
    "a[b,c-d] >=1.0, <2",
    "a (>=1.0,!=1.3.*)",
    "a~=1.4.2",
    "a==v1.0-1",
    "a>=2.0.0rc1",
    "a<3.0dev",
    "a; extra == 'x'",
    'a>=1 ; python_version < "3.8" and (os_name == "nt" or sys_platform != "win32")',
    'a; "linux" in sys_platform and extra not in "x,y"',
  ])("takes %s", (text) => {
    expect(isPlainRequirement(text)).toBe(true);
  });

  it.each([
    "",
    "a @ https://files.example/a.whl",
    "a>=1.*",
    "a~=1",
    "a>=1,",
    "a>1 <2",
    "a (>1",
    "a[b",
    "a_",
    "a;",
    "a; extra",
    "a; extra == x",
    "a; (extra == 'x'",
    "a; extra == 'x')",
    "a; extra == 'x' or",
    "a; extra == 'x' andos_name == 'y'",
    "a; 'x' == extraand os_name == 'y'",
    "a; extra == 'x\\'",
    "a; os.name == 'x'",
    "a===1",
    "1!a",
    "a==1!2",
    `a; ${"(".repeat(9)}extra == 'x'${")".repeat(9)}`,
    `a; python_version == '${"9".repeat(200)}'`,
    `a ${" ".repeat(5000)}`,
  ])("leaves %s to Python", (text) => {
    expect(isPlainRequirement(text)).toBe(false);
  });

  it("answers long texts at once", () => {
    const texts = ["a".repeat(4000), "a-".repeat(2000), `a${" ".repeat(4000)}!`, `a==${"1.".repeat(2000)}`, `a;${"extra=='x' and ".repeat(260)}`];

    expect(texts.map(isPlainRequirement)).toEqual([true, false, false, false, false]);
  });
});

describe("isPlainSpecifier", () => {
  it.each([
    [">=3.8", true],
    [">=2.7, !=3.0.*, <4", true],
    ["~=3.7", true],
    [">=3.6.*", false],
    ["3.8", false],
    [">=3.8,", false],
    ["", false],
  ])("%s: %s", (text, plain) => {
    expect(isPlainSpecifier(text)).toBe(plain);
  });
});
