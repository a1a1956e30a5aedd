"""``tool["micropip-lock"]``: what only we write into a lock, at its top and in each package.

Rules this file keeps:

1. Only keys that say something are written. Per package: ``source`` (``index``, ``url``, ``runtime``, ``local``),
   ``index``, ``url`` (when the file name differs from it; never for ``local``, which has no address), ``size`` in
   bytes, ``upload-time`` (PEP 700), ``yanked`` (``true``, or the reason; PEP 592), ``requested``, ``requirement``,
   ``extras``, ``missing``, ``mocked``, ``depends`` (only where the entry's own list leaves out what would close a
   cycle). At the top: ``version``, ``mocks`` (by normalised name: ``version``, ``persistent``, ``modules`` and, when it
   is spelt otherwise, ``name``), ``site`` (``name`` and ``version`` of what the site brings itself), ``start``
   (``url``, ``sha256`` and ``size`` of a start pack), and ``unlocked`` when a freeze was not strict.
2. Other tools' tables are kept as they are, and so are keys of ours that we do not know.
3. A newer format is refused before anything else is read.

Left to others: the entries around these tables (:mod:`micropip_lock.core.formats.pyodide_lock`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

from packaging.utils import canonicalize_name

from micropip_lock.core.address import address_fault
from micropip_lock.core.faults import Faults
from micropip_lock.core.local_wheel import local_origin
from micropip_lock.core.mocks import is_module_name
from micropip_lock.core.model import LOCK_FORMAT, TOOL_NAME, LockedPackage, Mock, Origin, OriginKind, StartPack, file_of
from micropip_lock.core.read import MAX_TEXT, Table
from micropip_lock.core.shown import shown
from micropip_lock.errors import LockVersionError, Unlockable

_ORIGIN_KINDS: Final[tuple[OriginKind, ...]] = get_args(OriginKind)
_MOCK_KEYS: Final = ("name", "version", "persistent", "modules")
_SITE_KEYS: Final = ("name", "version")
_START_KEYS: Final = ("url", "sha256", "size")
_UNLOCKED_KEYS: Final = ("name", "version", "code", "reason", "hint")


def check_format(value: Any) -> None:
    """Refuse a lock of a newer format: its tables may mean something else.

    Args:
        value: The whole lock as parsed, of whatever type.

    Raises:
        LockVersionError: code ``lock-version``.
    """
    version = value
    for key in ("tool", TOOL_NAME, "version"):
        version = version.get(key) if isinstance(version, dict) else None
    if isinstance(version, int) and version > LOCK_FORMAT:
        raise LockVersionError(
            "the lock was written by a newer micropip-lock",
            where=f"tool.{TOOL_NAME}.version",
            expected=f"at most {LOCK_FORMAT}",
            got=str(version),
        )


def read_tool(parent: Table) -> tuple[dict[str, Any], dict[str, Any], Table | None]:
    """The ``tool`` table of a lock or of a package.

    Returns:
        What to keep in ``unknown`` (an empty ``tool``, as Pyodide 314 writes in each entry, so that it is written
        again), the other tools' tables, and ours.
    """
    tool = parent.table("tool")
    if tool is None:
        return {}, {}, None
    ours = tool.table(TOOL_NAME)
    others = tool.rest()
    for key in others:
        # pyodide-lock 0.2.1 demands a table of tables; making one is the check.
        tool.check_table(key)
    return ({} if tool else {"tool": {}}), others, ours


def read_package_facts(ours: Table, file_name: str, faults: Faults) -> dict[str, Any]:
    """Our keys of a package, as arguments of LockedPackage (and ``size``, ``upload_time`` and ``yanked`` of Wheel)."""
    facts: dict[str, Any] = {
        "size": ours.whole("size"),
        "upload_time": ours.text("upload-time", "") or None,
        "yanked": ours.flag_or_text("yanked"),
        "requested": ours.flag("requested"),
        "requirement": ours.text("requirement", "") or None,
        "extras": ours.texts("extras"),
        "missing": ours.names("missing"),
        "mocked": ours.names("mocked"),
    }
    index, url = ours.text("index", ""), ours.text("url", "")
    for key, address in (("index", index), ("url", url)):
        fault = address_fault(address, where=ours.at(key), package=ours.package) if address else None
        if fault is not None:
            faults.add(fault)
    if ours.has("source", required=bool(index or url)):
        kind = ours.choice("source", _ORIGIN_KINDS)
        facts["origin"] = Origin(kind=kind, url=url or file_name, index=index or None)
        if kind == "local":
            facts["origin"] = local_origin(file_of(file_name))
            if url:
                ours.fault("origin", "a local file has no address", key="url", expected="no url", got=shown(url))
        if index and kind != "index":
            ours.fault(
                "origin", "only an install by name has an index", key="index", expected="source index", got=shown(index)
            )
    return facts


def package_facts(package: LockedPackage) -> Iterator[tuple[str, Any]]:
    """Our keys of a package, only those that say something."""
    origin = package.origin
    if origin is not None:
        yield "source", origin.kind
        if origin.index:
            yield "index", origin.index
        if origin.url != package.wheel.url and origin.kind != "local":
            yield "url", origin.url
    if package.wheel.size is not None:
        yield "size", package.wheel.size
    if package.wheel.upload_time:
        yield "upload-time", package.wheel.upload_time
    if package.wheel.yanked:
        yield "yanked", package.wheel.yanked
    if package.requested:
        yield "requested", True
    if package.requirement:
        yield "requirement", package.requirement
    if package.extras:
        yield "extras", list(package.extras)
    if package.missing:
        yield "missing", list(package.missing)
    if package.mocked:
        yield "mocked", list(package.mocked)


def read_mocks(ours: Table) -> dict[str, Mock]:
    """The mock packages of a lock, by normalised name and sorted by it."""
    table = ours.table("mocks")
    mocks = {}
    for key in sorted(table or ()):
        assert table is not None
        entry = table.table(key)
        if entry is None:
            continue
        name = canonicalize_name(key)
        entry.package = name
        display_name = entry.name("name") if entry.has("name", required=False) else table.key_name(key)
        if display_name and canonicalize_name(display_name) != key:
            entry.fault(
                "key-name",
                "the key and the name are of different packages",
                expected="a key in normal form, and a spelling of it",
                got=f"{shown(key)} and {shown(display_name)}",
            )
        modules = entry.table("modules", required=True)
        mocks[str(name)] = Mock(
            name=name,
            display_name=display_name,
            version=entry.version("version"),
            persistent=entry.flag("persistent"),
            modules={module: modules.source(module) for module in sorted(modules)} if modules is not None else {},
        )
        for module in modules or ():
            if not is_module_name(module):
                entry.fault(
                    "module-name",
                    "no module has such a name",
                    key="modules",
                    expected="letters, digits, '_' and '-', with dots between",
                    got=shown(module),
                )
        for unknown in entry.rest():
            entry.fault(
                "unknown-key", "an unknown key", key=unknown, expected=", ".join(_MOCK_KEYS), got=shown(unknown)
            )
    return mocks


def mock_facts(mocks: Iterable[Mock]) -> dict[str, dict[str, Any]]:
    """``mocks`` as JSON."""
    return {
        mock.name: {
            **({} if mock.display_name == mock.name else {"name": mock.display_name}),
            "version": mock.version,
            "persistent": mock.persistent,
            "modules": dict(sorted(mock.modules.items())),
        }
        for mock in mocks
    }


def read_site(ours: Table) -> dict[str, str]:
    """Versions of what the site brings, by normalised name and sorted by it."""
    found: dict[str, str] = {}
    for entry in ours.tables("site"):
        name = canonicalize_name(entry.name("name"))
        version = entry.version("version")
        if name in found:
            entry.fault("duplicate-package", "two entries are of one package", key="name", got=shown(name))
        found[name] = version
        for key in entry.rest():
            entry.fault("unknown-key", "an unknown key", key=key, expected=", ".join(_SITE_KEYS), got=shown(key))
    return dict(sorted(found.items()))


def site_facts(site: Mapping[str, str]) -> list[dict[str, str]]:
    """``site`` as JSON."""
    return [{"name": name, "version": version} for name, version in sorted(site.items())]


def read_start(ours: Table, faults: Faults) -> StartPack | None:
    """Where the start pack of a lock lies."""
    table = ours.table("start")
    if table is None:
        return None
    url, digest, size = table.text("url", filled=True), table.digest("sha256"), table.whole("size", required=True)
    fault = address_fault(url, where=table.at("url"), relative=True) if url else None
    if fault is not None:
        faults.add(fault)
    for key in table.rest():
        table.fault("unknown-key", "an unknown key", key=key, expected=", ".join(_START_KEYS), got=shown(key))
    return None if digest is None else StartPack(url=url, digest=digest, size=size or 0)


def start_facts(start: StartPack) -> dict[str, Any]:
    """``start`` as JSON."""
    return {"url": start.url, "sha256": start.digest.hex, "size": start.size}


def read_unlocked(ours: Table) -> tuple[Unlockable, ...]:
    """What our table at the top says, its version checked."""
    version = ours.whole("version", required=True)
    if version is not None and version != LOCK_FORMAT:
        ours.fault("enum", "no such format", key="version", expected=str(LOCK_FORMAT), got=str(version))
    items = []
    for entry in ours.tables("unlocked"):
        facts = {key: entry.text(key, filled=True) for key in ("name", "code")}
        facts |= {key: entry.text(key, "") for key in ("version", "reason", "hint")}
        items.append(Unlockable.from_json(facts))
        for key in entry.rest():
            entry.fault("unknown-key", "an unknown key", key=key, expected=", ".join(_UNLOCKED_KEYS), got=shown(key))
    return tuple(sorted(items, key=_order))


def unlocked_facts(unlocked: Iterable[Unlockable]) -> list[dict[str, str]]:
    """``unlocked`` as JSON: sorted, with the characters that a reader refuses spelt out, since reasons quote them."""
    facts = [{key: _visible(text) for key, text in item.to_json().items()} for item in unlocked]
    # A reader sorts what it reads, which is spelt out already.
    return sorted(facts, key=lambda item: tuple(item.values()))


def plain(value: Any) -> Any:
    """A deep copy of a JSON value, made of the types that ``json`` gives."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def _order(item: Unlockable) -> tuple[str, ...]:
    return tuple(item.to_json().values())


def _visible(text: str) -> str:
    if not text.isprintable():
        text = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
