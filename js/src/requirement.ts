/**
 * Requirements, markers and version specifiers in the spelling that build tools write: those that every parser takes.
 *
 * Rules this file keeps: what is plain here, packaging (24.0 and newer) parses, and Python's checker with it. What is
 * not plain may be right all the same: URLs, `===`, epochs, white space in odd places. Each expression tells in one
 * pass: no part of it can match in two ways.
 *
 * Source: dependency specifiers (PEP 508), version specifiers (PEP 440).
 */

const NAME = "[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*";
const RELEASE = "v?[0-9]{1,18}(?:\\.[0-9]{1,18})*";
const PRE = "(?:(?:a|b|rc|alpha|beta)(?:\\.?[0-9]{1,18})?)?(?:-[0-9]{1,18}|\\.post[0-9]{1,18})?(?:\\.?dev[0-9]{0,18})?";
const ONE = `(?:(?:==|!=) *${RELEASE}(?:\\.\\*|${PRE})|(?:<=|>=|<|>) *${RELEASE}${PRE}|~= *v?[0-9]{1,18}(?:\\.[0-9]{1,18})+${PRE})`;
const MANY = `${ONE}(?: *, *${ONE})*`;

const SPECIFIERS = new RegExp(`^${MANY}$`);
/** Group 1: the marker. */
const REQUIREMENT = new RegExp(`^${NAME} *(?:\\[ *${NAME}(?: *, *${NAME})* *\\] *)?(?:\\( *${MANY} *\\) *|${MANY} *)?(?:;(.*))?$`);
/** A version as it stands in file names, METADATA and dist-info in one and the same spelling. */
export const VERSION = "[0-9]{1,18}(?:\\.[0-9]{1,18})*(?:(?:a|b|rc)[0-9]{1,18})?(?:\\.post[0-9]{1,18})?(?:\\.dev[0-9]{1,18})?(?:\\+[a-z0-9]+(?:\\.[a-z0-9]+)*)?";

const VARIABLE =
  "(?:python_version|python_full_version|os_name|sys_platform|platform_(?:release|system|version|machine|python_implementation)|implementation_(?:name|version)|extra)";
const STRING = "(?:\"[A-Za-z0-9 ._+*<>=!~,-]*\"|'[A-Za-z0-9 ._+*<>=!~,-]*')";
const OPERATOR = "(?: *(?:==|!=|<=|>=|<|>|~=) *| +(?:not +)?in +)";
const COMPARISON = new RegExp(`(?:${VARIABLE}${OPERATOR}${STRING}|${STRING}${OPERATOR}${VARIABLE}\\b)`, "y");
const CONNECTIVE = /(?:and|or)(?=[ (])/y;
const BLANKS = / */y;

/** Python's checker refuses numbers of 200 digits anywhere in a field; nobody writes half of that. */
const LONG_NUMBER = /[0-9]{100}/;
const MOST_CHARACTERS = 4096;
const MOST_PARENTHESES = 8;

/** Whether a field is a list of version specifiers in plain spelling. */
export function isPlainSpecifier(text: string): boolean {
  return text.length <= MOST_CHARACTERS && SPECIFIERS.test(text);
}

/** Whether a field is a requirement in plain spelling. */
export function isPlainRequirement(text: string): boolean {
  const found = text.length <= MOST_CHARACTERS ? REQUIREMENT.exec(text) : null;
  return found !== null && !LONG_NUMBER.test(text) && (found[1] === undefined || isPlainMarker(found[1]));
}

function isPlainMarker(text: string): boolean {
  let depth = 0;
  let at = after(BLANKS, text, 0);
  for (;;) {
    while (text.charAt(at) === "(") {
      depth += 1;
      at = after(BLANKS, text, at + 1);
    }
    at = after(COMPARISON, text, at);
    if (at < 0 || depth > MOST_PARENTHESES) {
      return false;
    }
    at = after(BLANKS, text, at);
    while (text.charAt(at) === ")") {
      depth -= 1;
      at = after(BLANKS, text, at + 1);
    }
    if (at === text.length || depth < 0) {
      return depth === 0;
    }
    at = after(CONNECTIVE, text, at);
    if (at < 0) {
      return false;
    }
    at = after(BLANKS, text, at);
  }
}

/** Where `expression`, which is sticky, ends that begins at `at`; -1 when it does not. */
function after(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : -1;
}
