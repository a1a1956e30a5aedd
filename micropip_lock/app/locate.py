"""Locate: which file of which index an installed distribution came from, proven and not guessed.

For what pip, uv and other installers put in place without saying from where.  The proof: the index names a file and its
SHA-256; the RECORD inside that very file, read by byte ranges, is the RECORD that is installed.  So the lock's digest
stands for the files that are there.

Rules this file keeps:

1. Indexes are asked in their order, and the first that proves a file wins.  404 and 410 mean "not there"; any other
   failure of an index ends everything, because the next index might answer in its stead.
2. A direct URL (PEP 610) is no proof by itself: the wheel that lies there is proven as one of an index is.
3. METADATA's digest (PEP 658) rules candidates out; only ``trust_metadata`` lets it prove one, and only the one.
4. A server that knows no ranges sends the whole wheel in answer to the first one; up to
   :data:`~micropip_lock.app.prove.MAX_WHOLE` bytes it is hashed and read, a larger one is refused (``no-ranges``).
5. Every distribution has a value at the end: an origin, or why there is none.  Nothing is written.
6. A name that is pinned to an index is asked of that one only.
7. A wheel whose bytes are known (one that was installed from a local file while recording was on) is looked for by its
   SHA-256; other files of that name are none of its business, and nothing but the page is asked for.
8. Indexes on this machine's disk (``file:``) are passed over: nobody else could replay from them.

Left to others: one file's proof (:mod:`micropip_lock.app.prove`), who may be a candidate
(:mod:`micropip_lock.core.candidates`), requests (:mod:`micropip_lock.app.network`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from packaging.utils import NormalizedName, canonicalize_name

from micropip_lock.app.network import Network
from micropip_lock.app.prove import Installed, Proven, prove_file, read_installed, require_unedited
from micropip_lock.core.candidates import Candidates, candidates_of, direct_url_of, no_candidate, of_version
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import DIRECT_URL_FILE, OriginRecord, public_url
from micropip_lock.core.hosts import index_form
from micropip_lock.core.index_page import IndexFile, page_url, parse_page
from micropip_lock.core.model import Origin, Wheel
from micropip_lock.core.policy import DEFAULT_POLICY, Policy
from micropip_lock.errors import InputError, LockPolicyError, RecordError, Unlockable
from micropip_lock.ports import IndexFetcher, InstalledDist, Progress, ProgressEvent

CONCURRENCY: Final = 16
"""Requests at a time, unless the caller says otherwise."""

type Located = Mapping[NormalizedName, OriginRecord | Unlockable]


async def locate(
    dists: Iterable[InstalledDist],
    *,
    index_urls: Sequence[str],
    fetcher: IndexFetcher,
    recorded: Mapping[NormalizedName, Digest] | None = None,
    trust_metadata: bool = False,
    concurrency: int = CONCURRENCY,
    progress: Progress | None = None,
    policy: Policy = DEFAULT_POLICY,
) -> Located:
    """Find out where distributions came from.

    Args:
        dists: What is installed and has no record of ours.
        index_urls: Base URLs of Simple API indexes (PEP 503, 691), in the order to ask; one may hold a
            ``{package_name}`` placeholder.
        fetcher: The network.
        recorded: SHA-256 of the wheels that are known by their bytes and not by an address.
        trust_metadata: Take the wheel whose METADATA has the installed digest without looking into it, where the index
            states that digest and offers one such wheel.
        concurrency: The most requests at a time.
        progress: Told as each distribution is done, with stage ``locate``.
        policy: Which index may be asked for what is pinned, and where files may be.

    Returns:
        By normalised name, sorted: the origin with index, URL, SHA-256 and size, or the reason why there is none.

    Raises:
        FetchError: an index or its files could not be asked.
        InputError: code ``index-page``: an index sent a page that is none; ``too-large`` for one beyond all measure.
        UsageError: an index URL is none.
    """
    network = Network(fetcher, concurrency=concurrency)
    search = _Search(index_urls, network, recorded or {}, trust_metadata, progress, policy)
    found: dict[NormalizedName, OriginRecord | Unlockable] = {}
    tasks: list[asyncio.Task[tuple[NormalizedName, OriginRecord | Unlockable]]] = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks.extend(group.create_task(search.outcome(dist)) for dist in dists)
    except ExceptionGroup as failures:
        # The first failure has cancelled all others: it is the one to tell.
        raise failures.exceptions[0] from None
    for name, outcome in sorted((task.result() for task in tasks), key=lambda pair: pair[0]):
        found[name] = _twice(name, outcome) if name in found else outcome
    return found


class _Search:
    """One run over the indexes."""

    def __init__(
        self,
        index_urls: Sequence[str],
        network: Network,
        recorded: Mapping[NormalizedName, Digest],
        trust_metadata: bool,
        progress: Progress | None,
        policy: Policy,
    ) -> None:
        self._indexes = [url for url in index_urls if urlsplit(url).scheme != "file"]
        self._network = network
        self._recorded = recorded
        self._trust_metadata = trust_metadata
        self._progress = progress
        self._policy = policy

    async def outcome(self, dist: InstalledDist) -> tuple[NormalizedName, OriginRecord | Unlockable]:
        text, _, version = dist.directory.removesuffix(".dist-info").partition("-")
        name = canonicalize_name(text)
        outcome: OriginRecord | Unlockable
        try:
            installed = _read(dist)
            name, version = installed.identity.name, str(installed.identity.version)
            outcome = await self._origin(installed)
        except (RecordError, LockPolicyError) as error:
            outcome = Unlockable(
                name=name,
                version=version,
                code=error.code,
                reason=error.message + (f" ({error.got})" if error.got else ""),
                hint=error.hint,
            )
        if self._progress is not None:
            self._progress(ProgressEvent(stage="locate", package=name, all_received=self._network.received))
        return name, outcome

    async def _origin(self, installed: Installed) -> OriginRecord:
        text = installed.dist.read_text(DIRECT_URL_FILE)
        known = self._recorded.get(installed.identity.name)
        if known is not None or text is None:
            record = await self._from_indexes(installed, known)
        else:
            record = await self._from_url(installed, text)
        # Reading every file takes a while; whoever waits for the network goes first.
        await asyncio.sleep(0)
        require_unedited(installed)
        return record

    async def _from_url(self, installed: Installed, text: str) -> OriginRecord:
        direct = direct_url_of(text)
        _allow(self._policy.origin_fault(installed.identity.name, Origin(kind="url", url=direct.url)))
        _allow(self._policy.address_fault(direct.url, package=installed.identity.name))
        # A wheel can bring this file along, and pip leaves it alone; so what lies there has to be what is installed.
        filename = Wheel(url=direct.url, digest=direct.digest or Digest(bytes(32))).filename
        file = IndexFile(filename=filename, url=direct.url, digest=direct.digest)
        try:
            proven = await prove_file(installed, file, self._network)
        except RecordError:
            raise
        except InputError as error:
            raise _unusable(file, error) from error
        return _record(installed, Origin(kind="url", url=direct.url), proven)

    async def _from_indexes(self, installed: Installed, known: Digest | None) -> OriginRecord:
        project = installed.identity.name
        if not self._indexes:
            raise RecordError(
                "nothing here says which wheel it came from, and there is no index to ask",
                code="no-index-url",
                got=f"{installed.identity.display_name} {installed.identity.version}",
                hint="name one (--index-url, or index_urls=)",
            )
        matters = of_version(installed.identity.version)
        offers: list[Candidates] = []
        refusals: list[RecordError] = []
        for index in self._indexes_for(project):
            page = await self._network.page(page_url(index, project))
            if page is None:
                continue
            files = parse_page(page.data.decode("utf-8", "replace"), page.content_type, page.url, matters=matters)
            if known is not None:
                # Where an index states no digest, RECORD tells, as for any other.
                files = tuple(file for file in files if file.digest in (known, None))
            offers.append(candidates_of(installed.identity, files))
            same = next((file for file in files if file.digest == known), None)
            if known is not None and same is not None:
                proven: Proven | None = Proven(file=same, digest=known, size=same.size)
            else:
                proven = await self._proven(installed, offers[-1], refusals)
            if proven is not None and known in (None, proven.digest):
                base = public_url(index.partition("{package_name}")[0].rstrip("/"))
                origin = Origin(kind="index", url=public_url(proven.file.url), index=base)
                return _record(installed, origin, proven)
        raise refusals[0] if refusals else no_candidate(installed.identity, offers, was_listed=bool(offers))

    def _indexes_for(self, project: NormalizedName) -> Sequence[str]:
        """All of them, or the one that the name is pinned to, as it was given (it may have a placeholder)."""
        pin = self._policy.pin_of(project)
        if pin is None:
            return self._indexes
        found = [index for index in self._indexes if index_form(index) == pin]
        if not found:
            # Where it came from nobody can say, but not that it came from where it is pinned to.
            _allow(self._policy.origin_fault(project, None))
        return found

    async def _proven(self, installed: Installed, offer: Candidates, refusals: list[RecordError]) -> Proven | None:
        matching = [file for file in offer.likely if file.metadata_digest is not None and file.digest is not None]
        if self._trust_metadata and len(matching) == 1 == len(offer.likely):
            file = matching[0]
            assert file.digest is not None
            return Proven(file=file, digest=file.digest, size=file.size)
        for files in (offer.likely, offer.possible):
            # Almost always there is one; two that would be asked at once would also be paid for at once.
            answers = [await self._try(installed, file) for file in files]
            refusals.extend(answer for answer in answers if isinstance(answer, RecordError))
            proven = [answer for answer in answers if isinstance(answer, Proven)]
            if len({one.digest for one in proven}) > 1:
                raise _ambiguous(proven)
            if proven:
                return proven[0]
        return None

    async def _try(self, installed: Installed, file: IndexFile) -> Proven | RecordError:
        try:
            _allow(self._policy.address_fault(file.url, package=installed.identity.name))
            return await prove_file(installed, file, self._network)
        except RecordError as error:
            return error
        except InputError as error:
            return _unusable(file, error)


def _allow(fault: InputError | None) -> None:
    if fault is not None:
        raise fault


def _read(dist: InstalledDist) -> Installed:
    try:
        return read_installed(dist)
    except RecordError:
        # How it came here tells more than what is missing: an egg-link or a checkout may have no RECORD at all.
        if (text := dist.read_text(DIRECT_URL_FILE)) is not None:
            direct_url_of(text)
        raise


def _record(installed: Installed, origin: Origin, proven: Proven) -> OriginRecord:
    return OriginRecord(
        origin=origin,
        digest=proven.digest,
        size=proven.size,
        upload_time=proven.file.upload_time,
        yanked=proven.file.yanked,
        requested=installed.requested,
        record_digest=Digest.of(installed.record),
    )


def _unusable(file: IndexFile, error: InputError) -> RecordError:
    forbidden = isinstance(error, LockPolicyError)
    return RecordError(
        error.message if forbidden else f"the wheel that is there cannot be read: {error.message}",
        code=error.code,
        where=error.where,
        url=public_url(file.url),
        got=error.got or file.filename,
        hint=error.hint if forbidden else "tell the owner of the index",
    )


def _ambiguous(proven: Sequence[Proven]) -> RecordError:
    return RecordError(
        "several wheels of the index hold these very files",
        code="ambiguous",
        got=", ".join(sorted(one.file.filename for one in proven)),
        hint="uninstall it, and install it again with micropip while recording is on",
    )


def _twice(name: NormalizedName, outcome: OriginRecord | Unlockable) -> Unlockable:
    return Unlockable(
        name=name,
        version=outcome.version if isinstance(outcome, Unlockable) else "",
        code="duplicate",
        reason="two dist-info directories claim this name",
        hint="uninstall it until it is gone, then install it once",
    )
