"""K01 to K21: lock links that are damaged, hostile, or hold a lock that is refused (K22 to K24 are of a page)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from micropip_lock.core.link import encode_link
from micropip_lock.core.link_address import MAX_LINK
from micropip_lock.core.model import Lock
from tests.corpus.generate.case import Case, register
from tests.corpus.generate.lock_case import VALID, WHEELS, changed, entry, six
from tests.links import CHANGED, DEFLATED, deflated, of_value, sealed, with_tail

PAGE = "https://site.example/lab/index.html"


def link_case(
    case_id: str, slug: str, title: str, outcome: str, link: str | Callable[[], str], *, note: str = "", **facts: Any
) -> Case:
    """Register a case.

    Args:
        case_id: Its identifier.
        slug: In kebab case.
        title: One sentence.
        outcome: ``accept``, or class and code of the error.
        link: The address.
        note: Why.
        facts: More for ``expect.json``.
    """
    error, _, code = ("", "", "") if outcome == "accept" else outcome.partition(" ")
    return register(
        Case(
            id=case_id,
            slug=slug,
            group="links",
            title=title,
            verdict="reject" if error else "accept",
            error=error,
            code=code,
            state="installed" if outcome == "accept" else "S0",
            note=note,
            files=lambda: _files(link if isinstance(link, str) else link(), taken=not error),
            facts=facts,
        )
    )


def _files(link: str, *, taken: bool) -> dict[str, bytes]:
    built = WHEELS["six"]
    return {"input.txt": link.encode(), **({built.filename: built.data} if taken else {})}


def link_to(text: str) -> str:
    """A link that holds a right lock."""
    return encode_link(Lock.from_json(text))


GOOD = link_to(json.dumps(VALID))
ERROR = "LinkError "

link_case("K00", "right", "Nothing wrong", "accept", PAGE + GOOD, note="what the other cases change")
link_case("K01", "empty", "A link with nothing in it", ERROR + "empty", PAGE + "#lock=")
link_case("K02", "version", "A link of version 9", ERROR + "version", PAGE + GOOD.replace("=1.", "=9."))
link_case(
    "K02b", "flags", "A link with a flag of the future", ERROR + "version", "#lock=1." + sealed(b"\x40", bytes(40))
)
for letter, character in enumerate("+/ ="):
    link_case(
        "K03" + ("", "b", "c", "d")[letter],
        ("plus", "slash", "space", "padding")[letter],
        f"A character that is not of base64url: {character!r}",
        ERROR + "encoding",
        PAGE + GOOD[:60] + character + GOOD[60:],
    )
link_case("K03e", "no-version", "A link that is not ours", ERROR + "encoding", PAGE + "#lock=N4IgDgTgpgdlEHcC")
link_case(
    "K04",
    "not-deflate",
    "A compressed part that is not DEFLATE",
    ERROR + "compression",
    with_tail(b"\xff" * 40, flags=CHANGED | DEFLATED, made=200),
)
link_case(
    "K05",
    "truncated",
    "A link that a chat program cut",
    ERROR + "truncated",
    lambda: (PAGE + link_to(changed(lambda value: value.update(words=[str(n * n) for n in range(2000)]))))[:2048],
)
link_case("K05b", "truncated-early", "A link of which hardly anything is left", ERROR + "truncated", "#lock=1.AA")
link_case("K06", "trailing", "Characters behind the link", ERROR + "trailing", PAGE + GOOD + "AAAA")
link_case(
    "K06b",
    "trailing-stream",
    "Bytes behind the compressed part",
    ERROR + "trailing",
    with_tail(deflated(b"[]") + b"more", flags=CHANGED | DEFLATED, made=2),
)
link_case(
    "K06c", "trailing-content", "Bytes behind the content", ERROR + "trailing", with_tail(b"[]", behind=bytes(50))
)
link_case(
    "K07",
    "bomb",
    "A compressed part that gives 30 MB",
    ERROR + "too-large",
    lambda: with_tail(deflated(bytes(30 * 2**20)), flags=CHANGED | DEFLATED, made=30 * 2**20),
    note="no more than 2 MiB are ever made of a link",
)
link_case(
    "K07b",
    "bomb-that-lies",
    "A compressed part that gives 30 MB and says it gives 100 bytes",
    ERROR + "too-large",
    lambda: with_tail(deflated(bytes(30 * 2**20)), flags=CHANGED | DEFLATED, made=100),
)
link_case(
    "K08",
    "twice",
    "A part that was compressed twice",
    ERROR + "compression",
    lambda: with_tail(deflated(deflated(b"[]")), flags=CHANGED | DEFLATED, made=len(deflated(b"[]"))),
)
link_case("K09", "checksum", "One character is another one", ERROR + "checksum", lambda: PAGE + _flipped(GOOD, 80))
link_case(
    "K09b",
    "another-lock",
    "A right checksum over a lock of another id",
    ERROR + "checksum",
    lambda: with_tail(b'[[["packages"],{}]]'),
)
link_case(
    "K10", "too-long", "A fragment of more than 64 KiB", ERROR + "too-long", lambda: PAGE + "#lock=1." + "A" * MAX_LINK
)
link_case(
    "K11",
    "percent",
    "A mail program encoded it",
    "accept",
    lambda: f"{PAGE}#lock={_percent(GOOD.removeprefix('#lock='))}",
)
link_case(
    "K12",
    "percent-twice",
    "It was encoded twice",
    ERROR + "encoding",
    lambda: f"{PAGE}#lock={quote(_percent(GOOD.removeprefix('#lock=')))}",
)
link_case(
    "K13",
    "query",
    "The lock is in the query, which servers write down",
    ERROR + "in-query",
    PAGE + "?" + GOOD.removeprefix("#"),
)
link_case("K14", "two", "Two locks in one address", ERROR + "ambiguous", PAGE + GOOD + "&" + GOOD.removeprefix("#"))
link_case(
    "K14b",
    "two-forms",
    "A lock and the address of another",
    ERROR + "ambiguous",
    f"{PAGE}{GOOD}&lock-url=https://files.example/l.json;sha256={'0' * 64}",
)
link_case(
    "K15",
    "others",
    "Other parameters around it",
    "accept",
    f"{PAGE}#code=print(1)&{GOOD.removeprefix('#')}&kernel=python",
)
link_case("K16", "no-digest", "A lock without a digest", ERROR + "no-hash", of_value(json.loads(six(sha256=""))))
link_case("K16b", "no-lock", "JSON that is no lock", ERROR + "missing", of_value({"a": 1}))
link_case(
    "K16c",
    "script-address",
    "A lock with an address that runs",
    ERROR + "scheme",
    of_value(json.loads(six(file_name="javascript:alert(1)//six-1.16.0-py3-none-any.whl"))),
)
link_case(
    "K16d",
    "prototype",
    "A lock with keys that are special in JavaScript",
    ERROR + "key-name",
    of_value(VALID | {"packages": {"__proto__": entry("six")}, "__proto__": {"polluted": True}}),
)
link_case(
    "K17",
    "reference-without-digest",
    "The address of a lock without its digest",
    ERROR + "no-hash",
    PAGE + "#lock-url=https://files.example/l.json",
)
link_case(
    "K17b",
    "reference-to-a-file",
    "The address of a file of this machine",
    ERROR + "scheme",
    f"{PAGE}#lock-url=file:///etc/passwd;sha256={'0' * 64}",
)
link_case(
    "K18",
    "private",
    "A public page's link to a lock in a private network",
    "LockPolicyError private-address",
    f"{PAGE}#lock-url=https://192.168.0.1/l.json;sha256={'0' * 64}",
)
link_case(
    "K18b",
    "private-wheel",
    "A public page's link to a wheel in a private network",
    "LockPolicyError private-address",
    lambda: PAGE + link_to(six(file_name="https://10.0.0.1/" + WHEELS["six"].filename)),
)
link_case(
    "K18c",
    "insecure",
    "The address of a lock over http:",
    "LockPolicyError insecure",
    f"{PAGE}#lock-url=http://files.example/l.json;sha256={'0' * 64}",
)
link_case(
    "K18d",
    "credentials",
    "An address with a password",
    ERROR + "credentials",
    f"{PAGE}#lock-url=https://u:p@files.example/l.json;sha256={'0' * 64}",
)
link_case(
    "K19", "markup", "Markup for a name", ERROR + "name", of_value(json.loads(six(name="<img src=x onerror=alert(1)>")))
)
link_case("K20", "homoglyph", "A name with a Cyrillic letter", ERROR + "name", of_value(json.loads(six(name="siх"))))
link_case(
    "K21",
    "many-hosts",
    "A lock whose files are on 300 hosts",
    "LockPolicyError too-many-hosts",
    lambda: link_to(json.dumps(VALID | {"packages": {f"p{at}": _on_host(at) for at in range(300)}})),
    note="asked for consent first; nothing is requested",
)


def _on_host(number: int) -> dict[str, Any]:
    name = f"p{number}"
    return entry(name, file_name=f"https://h{number}.example/{name}-1.16.0-py3-none-any.whl")


def _flipped(link: str, at: int) -> str:
    return link[:at] + ("A" if link[at] != "A" else "B") + link[at + 1 :]


def _percent(text: str) -> str:
    return "".join(f"%{ord(character):02X}" if character in "-_." else character for character in text)
