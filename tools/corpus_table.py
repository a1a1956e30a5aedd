"""The table of the corpus: what was expected of each case, what came, and the state left behind.

``python -m tools.corpus_table [ID…]``: all cases, or those whose identifier begins so. Exit 1 when one differs.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.corpus.generate.case import all_cases
from tests.corpus.generate.writer import write
from tests.corpus.judging import Expect, Got, judged


def main(arguments: Sequence[str]) -> int:
    """Run the cases and print the table; returns the exit code."""
    wanted = tuple(arguments) or ("",)
    cases = [case for case in all_cases() if case.id.startswith(wanted)]
    if not cases:
        print(f"no case begins with {' or '.join(wanted)}", file=sys.stderr)
        return 2
    differ = 0
    print(f"{'case':36} {'expected':48} {'got':48} state left behind")
    for case in cases:
        with tempfile.TemporaryDirectory() as place:
            (folder,) = write(Path(place) / "corpus", [case])
            expect, got = judged(folder, Path(place) / "work")
        wrong = got.differences(expect)
        differ += bool(wrong)
        mark = f"  DIFFERS: {', '.join(wrong)}" if wrong else ""
        print(f"{f'{case.id} {case.slug}':36} {_said(expect):48} {_came(got):48} {got.state}{mark}")
    verdicts = Counter(case.verdict for case in cases)
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in ("reject", "warn", "accept"))
    print(f"{len(cases)} cases: {counts}; {differ} differ")
    return int(differ > 0)


def _said(expect: Expect) -> str:
    return " ".join(filter(None, (expect["verdict"], expect["error"], expect["code"])))


def _came(got: Got) -> str:
    return " ".join(filter(None, (got.verdict, got.error, got.code)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
