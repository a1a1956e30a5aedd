"""The vectors of lock links: what a link holds, or why it is refused, for every reader of links.

``python -m tests.core.link_vectors`` writes them anew. The links are kept as they are, so that each release reads what
earlier ones wrote: a test compares what they decode to, never what a lock is encoded as (ADR 10).

``lock`` is the lock's JSON value; of a link that names packages of a runtime, ``runtime`` has the packages of that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from micropip_lock.core.formats.pyodide_lock import lock_to_dict
from micropip_lock.core.link import ShortLink, base_digest, decode_link, encode_link
from micropip_lock.core.link_address import Reference
from micropip_lock.core.model import Lock
from micropip_lock.errors import LinkError
from tests.links import deep, needed, of_name, repeated
from tests.locks import FIXTURES, VALID, full_lock

PATH: Final = Path(__file__).parents[1] / "vectors" / "links.json"
_WANTED: Final = ("bottleneck", "jinja2", "libopenblas", "markupsafe", "numpy", "wcwidth")


def said(link: str, runtime: dict[str, Any] | None) -> dict[str, Any]:
    """What this reader says of a link."""
    try:
        found = decode_link(
            link, find_base=lambda digest: runtime if runtime and base_digest(runtime) == digest else None
        )
    except LinkError as error:
        return {"code": error.code}
    if isinstance(found, Lock):
        base = {} if found.base is None else {"base": found.base}
        return {"form": "full", "id": found.id, "lock": lock_to_dict(found), **base}
    if isinstance(found, Reference):
        return {"form": "reference", "url": found.url, "sha256": found.digest.hex}
    assert isinstance(found, ShortLink)
    entries = [[one.name, one.version, one.file, one.index, bool(one.digest)] for one in found.outline.entries]
    return {"form": "short", "id": found.id, "entries": entries}


def _environment() -> Lock:
    """A lock as a freeze writes it, of packages that there are."""
    index = "https://index.example/simple"
    rows = [
        ("annotated-types", "0.8.0", "annotated_types", [], "py3-none-any", 13427),
        ("markdown-it-py", "4.3.0", "markdown_it", ["mdurl"], "py3-none-any", 87301),
        ("mdurl", "0.1.2", "mdurl", [], "py3-none-any", 9979),
        ("msgpack", "1.2.4", "msgpack", [], "cp314-cp314-pyemscripten_2026_0_wasm32", 85123),
        ("Pygments", "2.21.0", "pygments", [], "py3-none-any", 1231231),
        ("rich", "15.0.0", "rich", ["markdown-it-py", "pygments"], "py3-none-any", 310123),
        ("six", "1.17.0", "six", [], "py2.py3-none-any", 11050),
        ("unheard-of", "2026.1rc1", "unheard.of", ["six"], "1-py3-none-any", 2**40),
    ]
    packages = {}
    for number, (name, version, module, depends, tag, size) in enumerate(rows):
        key = name.lower()
        file = f"{key.replace('-', '_')}-{version}-{tag}.whl"
        path = f"{number:02x}/{number * 7:02x}/{number * 31 % 251:02x}{'5a' * 29}"
        asked = {"requested": True, "requirement": "rich>=13"} if name == "rich" else {}
        packages[key] = {
            "name": name,
            "version": version,
            "file_name": f"https://files.example/packages/{path}/{file}",
            "install_dir": "site",
            "sha256": f"{number + 1:02x}" * 32,
            "package_type": "package",
            "imports": [module],
            "depends": depends,
            "unvendored_tests": False,
            "tool": {"micropip-lock": {"source": "index", "index": index, "size": size, **asked}},
        }
    return Lock.from_json(
        json.dumps({"info": VALID["info"], "packages": packages, "tool": {"micropip-lock": {"version": 1}}})
    )


def _runtime() -> tuple[Lock, dict[str, Any]]:
    """A lock of a runtime's packages as a freeze writes it, and the packages of that runtime."""
    whole = json.loads(next(path for path in FIXTURES if "314" in path.name).read_bytes())
    base = {name: whole["packages"][name] for name in _WANTED}
    packages = {
        name: {
            **entry,
            "file_name": f"https://cdn.example/v314/full/{entry['file_name']}",
            "unvendored_tests": False,
            "tool": {"micropip-lock": {"source": "runtime", **({"requested": True} if name == "bottleneck" else {})}},
        }
        for name, entry in base.items()
        if name != "wcwidth"
    }
    value = {"info": whole["info"], "packages": packages, "tool": {"micropip-lock": {"version": 1}}}
    return Lock.from_json(json.dumps(value)), base


def _links() -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    plain = Lock.from_json(json.dumps(VALID))
    environment = _environment()
    runtime, base = _runtime()
    full = encode_link(environment)
    yield "one package", encode_link(plain), None
    yield "no package", encode_link(replace(plain, packages={})), None
    yield "an environment", full, None
    yield "an environment, in a page", f"https://site.example/lab/?a=b{full}", None
    yield "without #", full.removeprefix("#"), None
    yield "without a parameter", full.removeprefix("#lock="), None
    yield "among other parameters", f"#code=1{full.replace('#', '&')}&x", None
    yield "percent-encoded", full.replace("-", "%2D").replace(".", "%2e"), None
    yield "all that a lock can say", encode_link(full_lock()), None
    yield (
        "relative files of a lock on the web",
        encode_link(replace(full_lock(), base="https://files.example/a/")),
        None,
    )
    yield "unknown fields", encode_link(replace(plain, unknown={"__proto__": [1, {"é": None}], "n": 10**30})), None
    yield "packages of a runtime", encode_link(runtime, base=base), base
    yield "packages of a runtime, spelt out", encode_link(runtime), None
    yield "packages of a runtime that is another one", encode_link(runtime, base=base), {"numpy": base["numpy"]}
    yield "short", encode_link(environment, short=True), None
    yield (
        "short, with a package of no index",
        encode_link(replace(plain, packages={**environment.packages, **plain.packages}), short=True),
        None,
    )
    yield "by reference", f"#lock-url=https://files.example/l.json;sha256={'AB' * 32}", None
    yield "by reference, without a digest", "#lock-url=https://files.example/l.json", None
    yield "by reference, encoded", f"#lock-url=https%3A%2F%2Ffiles.example%2Fl.json%3Bsha256%3D{'ab' * 32}", None
    yield "empty", "#lock=", None
    yield "no link", "https://site.example/#a=b", None
    yield "two", f"{full}&lock=1.AA", None
    yield "in the query", f"https://site.example/?{full.removeprefix('#')}", None
    yield "another version", full.replace("=1.", "=2."), None
    yield "cut off", full[:-1], None
    yield "cut off early", full[:20], None
    yield "behind it", full + "AAAA", None
    yield "a flipped character", full[:90] + ("A" if full[90] != "A" else "B") + full[91:], None
    yield "a flipped length", full[:10] + ("A" if full[10] != "A" else "B") + full[11:], None
    yield "padding", full + "=", None
    yield "standard base64", full[:50] + "+" + full[51:], None
    yield "encoded twice", full.replace("-", "%252D"), None
    yield "an address that every package has", repeated(), None
    yield "a name that every package needs", needed(), None
    yield "tables hundreds deep", deep(), None
    for number, name in enumerate(("Name", "a_b", "-a", "a--b", "ß", "\ue000", "../../a?b", "")):
        yield f"a name that is not normalised, {number}", of_name(name), None


def main() -> None:
    """Write the file."""
    vectors = []
    for name, link, runtime in _links():
        more = {} if runtime is None else {"runtime": runtime}
        vectors.append({"name": name, "link": link, **more, "says": said(link, runtime)})
    PATH.write_text(json.dumps(vectors, indent=1, ensure_ascii=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
