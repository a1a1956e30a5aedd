"""One build of a site: the runtime, the kernel's own packages, the locked ones, each under its digest, and the locks.

Rules this file keeps:

1. All or nothing: what is published was fetched, hashed and opened before, and locks are written after their wheels.
2. The kernel's own packages come from the site's base lock, whatever another lock says of them; where the two differ,
   the build says so.
3. The same locks give the same bytes.

Left to others: the configuration of the site (:mod:`micropip_lock_lite.settings`), bytecode
(:mod:`micropip_lock_lite.bytecode`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from micropip_lock import wiring
from micropip_lock.app.bundle import LOCK_NAME
from micropip_lock.app.start import imports_of
from micropip_lock.core.model import Lock, LockedPackage, by_name
from micropip_lock.errors import MicropipLockError
from micropip_lock_lite.bytecode import compiled, compiled_library, identity_of
from micropip_lock_lite.kernel import PRELOADED, kernel_packages, needed
from micropip_lock_lite.locks import Locks, refuse_misfits
from micropip_lock_lite.options import Options
from micropip_lock_lite.place import FOLDER, KERNEL_LOCK, RUNTIME, UP, Place, kernel_runtime
from micropip_lock_lite.start import KERNEL_IMPORTS, mounted, seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """What a kernel starts with.

    Attributes:
        lock: Of the lock, relative to the site's root.
        lock_id: Its identity, as the person gave it.
        packages: Names to load before the kernel is ready.
        pattern: Of the paths of notebooks that it is for; ``None`` for all others.
    """

    lock: str
    lock_id: str
    packages: tuple[str, ...]
    pattern: str | None = None


@dataclass(kw_only=True, slots=True)
class Site:
    """What a build made.

    Attributes:
        kernel: The base lock, relative to the site's root.
        default: Every kernel's environment that has none of its own.
        environments: Those of notebooks, in the order in which their patterns are tried.
        library: The standard library with bytecode, relative to the site's root, when there is one.
        runtime: What kernels load as Pyodide, relative to the site's root.
        files: What they fetch of Pyodide and with it.
        notes: What a person should know.
    """

    kernel: str
    default: Environment
    environments: tuple[Environment, ...] = ()
    library: str | None = None
    runtime: str
    files: tuple[str, ...]
    notes: list[str] = field(default_factory=list)


async def build(options: Options, place: Place, *, has_runtime: bool, tell: Callable[[str], None]) -> Site:
    """Make everything of ours in a site.

    Args:
        options: What was asked.
        place: Where.
        has_runtime: The site brings its own Pyodide, and it is in place.
        tell: Told what takes time.

    Raises:
        MicropipLockError: nothing was published.
    """
    locks = Locks(options=options, place=place, tell=tell)
    if not has_runtime or options.pyodide:
        # Only to learn what runtime it is for.
        first = None if options.pyodide or not options.lock else await locks.load(options.lock, abi=None)
        place.bring_runtime(wiring.pyodide_runtime(options.pyodide, None if first is None else first.abi))
    runtime = Lock.from_json((place.runtime / LOCK_NAME).read_bytes())
    kernel = await kernel_packages(options, place, locks, runtime.abi)
    if options.bytecode:
        kernel = await compiled(place, kernel)
    base = replace(runtime, packages=by_name({**_beside_runtime(place, runtime), **kernel}.values()), tool_unknown={})
    assembly = _Assembly(options=options, locks=locks, base=base, own=frozenset(needed(PRELOADED, kernel)))
    base = await assembly.started(base, PRELOADED, ())
    default = await assembly.environment(await assembly.default_lock())
    others = [
        await assembly.environment(await locks.load(spec, abi=base.abi), pattern)
        for pattern, spec in options.environments
    ]
    assembly.files[KERNEL_LOCK] = base.to_json().encode()
    library = None
    if options.bytecode:
        path, data = await compiled_library(place, assembly.stdlib)
        assembly.files[path] = data
        library = f"./{FOLDER}/{path}"
    module, files = kernel_runtime(base)
    assembly.files |= files
    place.publish(assembly.files, assembly.wheels())
    scripts = (f"./{FOLDER}/{path}" for path in files if not path.endswith(LOCK_NAME))
    fetched = [*(f"./{path}" for path in place.runtime_files(library=library is None)), *scripts]
    return Site(
        kernel=f"./{FOLDER}/{KERNEL_LOCK}",
        default=default,
        environments=tuple(others),
        library=library,
        runtime=f"./{FOLDER}/{module}",
        files=tuple(fetched),
        notes=assembly.notes,
    )


@dataclass(kw_only=True, slots=True)
class _Assembly:
    options: Options
    locks: Locks
    base: Lock
    own: frozenset[str]
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    stdlib: set[str] = field(default_factory=set)

    async def started(self, lock: Lock, names: Sequence[str], imports: Sequence[str]) -> Lock:
        """The lock with the start pack of a kernel that loads these packages, and then imports these modules."""
        # A pack that the person's lock names is not of the wheels of the site.
        lock = replace(lock, start=None)
        if not self.options.bytecode:
            return lock
        place = self.locks.place
        here = {name: lock.packages[name] for name in sorted(needed(names, lock.packages))}
        try:
            found = await seen(place, mounted(here.values(), lock), (*KERNEL_IMPORTS, *imports), identity_of(place))
        except MicropipLockError as error:
            self._say(f"kernels fetch whole wheels: what they need first could not be seen: {error.message}")
            return lock
        self.stdlib |= {*found.stdlib}
        for note in found.notes:
            self._say(note)
        self.used.add(found.pack.url)
        return replace(lock, start=found.pack)

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    async def default_lock(self) -> Lock:
        if self.options.lock:
            return await self.locks.load(self.options.lock, abi=self.base.abi)
        if self.options.requirements:
            limits = [f"{one.name}=={one.version}" for one in self.base if one.name in self.own]
            return await self.locks.frozen(self.options.requirements, abi=self.base.abi, constraints=limits)
        return replace(self.base, packages={})

    async def environment(self, lock: Lock, pattern: str | None = None) -> Environment:
        refuse_misfits(lock, self.base.abi)
        name = LOCK_NAME if pattern is None else f"{LOCK_NAME.removesuffix('.json')}.{lock.id[:16]}.json"
        self._note(lock)
        bundled = await self.locks.bundled_without(lock, self.own)
        packages = dict(bundled.packages)
        if self.options.bytecode:
            packages = await compiled(self.locks.place, packages)
        merged = replace(
            bundled,
            abi=self.base.abi,
            packages=by_name({**self.base.packages, **packages}.values()),
            site={name: version for name, version in lock.site.items() if name not in self.base.packages},
        )
        self._use(merged.packages)
        asked = {"all": [*bundled.packages, *lock.site], "roots": lock.roots, "none": ()}[self.options.preload]
        also = sorted(name for name in {*asked} - self.own if name in merged.packages)
        preloaded = (*PRELOADED, *also)
        merged = await self.started(merged, preloaded, imports_of(lock) if also else ())
        self.files[name] = merged.to_json().encode()
        return Environment(lock=f"./{FOLDER}/{name}", lock_id=lock.id, packages=preloaded, pattern=pattern)

    def wheels(self) -> Iterator[str]:
        self._use(self.base.packages)
        yield from self.used

    def _use(self, packages: Mapping[str, LockedPackage]) -> None:
        self.used |= {one.wheel.url for one in packages.values() if _is_ours(one)}

    def _note(self, lock: Lock) -> None:
        for name in sorted(self.own & lock.packages.keys()):
            ours, theirs = self.base.packages[name], lock.packages[name]
            if ours.version != theirs.version:
                self.notes.append(f"{name} {ours.version} is the kernel's own; the lock names {theirs.version}")
        self.notes += [f"{mock} is in no kernel before the lock is replayed" for mock in lock.mocks.values()]
        self.notes += [f"{one.name} is not in the lock: {one.reason}" for one in lock.unlocked]


def _is_ours(package: LockedPackage) -> bool:
    return package.wheel.url.startswith("wheels/")


def _beside_runtime(place: Place, runtime: Lock) -> dict[str, LockedPackage]:
    """What of Pyodide's own distribution lies beside the runtime, with all that it needs."""
    here = {
        name: replace(one, wheel=replace(one.wheel, url=f"{UP}{RUNTIME}/{one.wheel.url}"))
        for name, one in runtime.packages.items()
        if not urlsplit(one.wheel.url).scheme and (place.runtime / one.wheel.url).is_file()
    }
    while lacking := [name for name, one in here.items() if not all(other in here for other in one.depends)]:
        for name in lacking:
            del here[name]
    return here
