"""The vectors that hold the TypeScript preview to Python's: a lock, the place, and what a person is shown.

``python -m tests.core.preview_vectors`` writes them anew from what Python does; ``test_preview.py`` fails when they are
not what Python does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from micropip_lock.core.model import Lock
from micropip_lock.core.preview import Here, preview_lock
from micropip_lock.errors import MicropipLockError
from tests.core.boot_vectors import _entry, _lock, _ours

VECTORS: Final = Path(__file__).parents[1] / "vectors" / "previews.json"
PAGE: Final = "https://page.example/app/"
NATIVE: Final = "cp314-cp314-pyemscripten_2026_0_wasm32"


def _at(host: str, name: str, version: str = "1.0", tags: str = "py3-none-any", **facts: Any) -> dict[str, Any]:
    url = f"{host}/{name.replace('-', '_')}-{version}-{tags}.whl"
    return _entry(name, version, file_name=url, **(_ours(**facts) if facts else {}))


def _started(host: str) -> dict[str, Any]:
    return _ours(version=1, start={"url": f"{host}start.pack", "sha256": "ab" * 32, "size": 5})


def _cases() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Locks, and what is known of the place."""
    index = "https://index.example/simple/"
    files, cdn = "https://files.example/p", "https://cdn.example/q"
    three = (
        _at(files, "rich", "13.9.4", source="index", index=index, size=242_424, requested=True),
        _at(files, "numpy", "2.4.0", NATIVE, source="index", index=index, size=5_250_000),
        _at(cdn, "local-thing", source="url", size=999),
    )
    yield _lock(), {}
    yield _lock(_entry()), {}
    yield _lock(*three), {}
    yield _lock(*three), {"installed": {"rich": "13.9.4", "numpy": "1.0", "idna": "3.7"}, "abi": "2026_0"}
    yield _lock(*three), {"installed": {}, "abi": "2025_0"}
    yield _lock(*three), {"usual_hosts": ["cdn.example"]}
    yield _lock(*three), {"usual_hosts": ["files.example", "runtime.example"]}
    yield _lock(*three, _at("https://evil.example", "requests")), {}
    yield _lock(*three, _at("https://evil.example", "requests"), _at("https://evil.example", "unheard-of")), {}
    yield _lock(_at(files, "rich"), _at(cdn, "numpy")), {}
    yield _lock(*three), {"approved": True}
    yield _lock(*three), {"running": True}
    yield _lock(*three), {"approved": True, "running": True}
    yield _lock(*(_at(files, f"p{number}", size=1_048_576 * 7) for number in range(15))), {}
    yield _lock(*(_at(files, f"p{number}", tags=NATIVE, yanked="no é") for number in range(14))), {}
    yield _lock(_at("wheels", "six", source="local", size=1_249), _at(files, "idna", yanked=True)), {}
    yield _lock(_at("wheels", "six"), _at("/w", "idna")), {"base": PAGE}
    yield _lock(_at("http://localhost:8000", "six"), _at("http://127.0.0.1:8000", "idna")), {}
    yield _lock(_at("http://localhost:8000", "six")), {"base": "http://localhost:8000/"}
    yield (
        _lock(_at(files, "six"), tool=_ours(version=1, site=[{"name": "ipykernel", "version": "7.0"}])["tool"]),
        {"installed": {"ipykernel": "7.0", "piplite": "0.8"}},
    )
    yield _lock(*(_at(f"https://h{number}.example", f"p{number}") for number in range(8))), {}
    for host in ("", "https://files.example/", "https://evil.example/", "https://localhost/"):
        for place in ({}, {"base": PAGE}):
            yield _lock(_at(files, "six"), **_started(host)), place
    eight = (_at(f"https://h{number}.example", f"p{number}") for number in range(8))
    yield _lock(*eight, **_started("https://evil.example/")), {}
    for count in (9, 300):
        yield _lock(*(_at(f"https://h{number}.example", f"p{number}") for number in range(count))), {}
    yield _lock(_at("http://files.example", "six")), {}
    yield _lock(_at("http://files.example", "six")), {"base": PAGE}
    for host in ("localhost", "x.localhost", "127.0.0.1"):
        yield _lock(_at(f"https://{host}:8000", "six")), {"base": PAGE}


def previews() -> list[dict[str, Any]]:
    """What Python shows of each."""
    told = []
    for value, place in _cases():
        lock = Lock.from_json(json.dumps(value), base=place.get("base"))
        # As Python writes it: TypeScript takes the identity of a text as it is.
        text = json.dumps(lock.to_dict())
        here = Here(
            installed=place.get("installed"),
            abi=place.get("abi"),
            usual_hosts=tuple(place.get("usual_hosts", ())),
            running=lock.id if place.get("running") else None,
            approved=(lock.id,) if place.get("approved") else (),
        )
        case: dict[str, Any] = {"text": text, "place": place}
        try:
            preview = preview_lock(lock, here)
        except MicropipLockError as error:
            told.append(case | {"code": error.code})
        else:
            told.append(case | {"preview": preview.to_json(), "lines": preview.lines()})
    return told


def written() -> str:
    """The file."""
    return json.dumps(previews(), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    VECTORS.write_text(written(), "utf-8")
