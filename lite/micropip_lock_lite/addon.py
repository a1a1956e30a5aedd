"""The addon: what JupyterLite calls while it builds, describes and checks a site.

Rules this file keeps:

1. Whatever is wrong fails a task, and with it the build: JupyterLite turns an addon that fails to be made, or a trait
   that refuses a value, into a warning and builds the site without it.
2. It does nothing to a site that asks for nothing of ours.
3. It has a name of its own: JupyterLite finds the settings of an addon by the name of its class.

Left to others: everything that is done (:mod:`micropip_lock_lite.build`), loaded when a task runs.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from jupyterlite_core.addons.base import BaseAddon  # type: ignore[import-untyped]  # has no types

from micropip_lock_lite.options import Given

type Tasks = Iterator[dict[str, Any]]

_TRAITS: Final = (
    "lock",
    "requirements",
    "environments",
    "kernel",
    "pyodide",
    "preload",
    "bytecode",
    "record",
    "offline",
)
_CONFIG: Final = "jupyter-lite.json"


class MicropipLockAddon(BaseAddon):  # type: ignore[misc]  # JupyterLite has no types
    """Starts every kernel of a site with a lock's packages in place, and with recording on."""

    __all__: ClassVar = ["status", "post_build", "check"]

    aliases: ClassVar = {
        "micropip-lock": "MicropipLockAddon.lock",
        "micropip-lock-requirement": "MicropipLockAddon.requirements",
        "micropip-lock-for": "MicropipLockAddon.environments",
        "micropip-lock-kernel": "MicropipLockAddon.kernel",
        "micropip-lock-pyodide": "MicropipLockAddon.pyodide",
        "micropip-lock-preload": "MicropipLockAddon.preload",
    }
    flags: ClassVar = {
        "micropip-lock-record": (
            {"MicropipLockAddon": {"record": True}},
            "Start every kernel with recording on; every other setting of micropip-lock does so, too",
        ),
        "micropip-lock-offline": (
            {"MicropipLockAddon": {"offline": True}},
            "Let the site work without a network once it was visited",
        ),
        "micropip-lock-bytecode": (
            {"MicropipLockAddon": {"bytecode": True}},
            "Put bytecode, compiled by the site's own Pyodide, into wheels and the standard library",
        ),
    }

    lock = Given(
        help="What every kernel starts with: the path or address of a lock, a lock link, or a notebook that holds one"
    ).tag(config=True)
    requirements = Given(
        help="Instead of a lock: requirements (`-r FILE` reads a file) that are frozen when the site is built"
    ).tag(config=True)
    environments = Given(
        help="Locks for notebooks by a pattern of their paths: a table, or PATTERN=LOCK; the first that fits is taken"
    ).tag(config=True)
    kernel = Given(
        help="The kernel's own packages: a lock, or a directory of wheels; by default they are frozen once and kept"
    ).tag(config=True)
    pyodide = Given(
        help="The Pyodide of the site: a release or a directory; by default static/pyodide of the site's sources, else"
        " the release that fits the lock"
    ).tag(config=True)
    preload = Given(
        help="Which locked packages a kernel has when it is ready: all, roots or none; others come when first imported"
    ).tag(config=True)
    bytecode = Given(help="Put bytecode into wheels and the standard library").tag(config=True)
    record = Given(help="Start every kernel with recording on, without a lock").tag(config=True)

    offline = Given(
        help="Let JupyterLite's service worker keep what was visited: the site works without a network then, and shows"
        " what it kept before it looks for something newer, also of package indexes"
    ).tag(config=True)

    def status(self, manager: Any) -> Tasks:  # noqa: ARG002  # JupyterLite's signature
        """Say what was asked for."""
        asked = {name: value for name in _TRAITS if (value := getattr(self, name))}
        if asked:
            yield self.task(
                name="settings",
                actions=[lambda: print(*(f"     {name}: {value}" for name, value in asked.items()), sep="\n")],  # noqa: T201  # as the other addons do
            )

    def post_build(self, manager: Any) -> Tasks:  # noqa: ARG002  # JupyterLite's signature
        """Put runtime, wheels and locks into the site, and tell the kernel of them."""
        if self._asked:
            yield self.task(
                name="site", doc="put locked packages into the site", actions=[lambda: self._told(self._build)]
            )

    def check(self, manager: Any) -> Tasks:  # noqa: ARG002  # JupyterLite's signature
        """Hash every wheel of the site again."""
        if self._asked or (self._place().folder / "kernel.json").exists():
            yield self.task(name="wheels", doc="hash every locked wheel", actions=[lambda: self._told(self._check)])

    @property
    def _asked(self) -> bool:
        return any(getattr(self, name) for name in _TRAITS)

    def _told(self, action: Callable[[], None]) -> bool:
        """Whether it went well; what went wrong is told as an error of ours, not as a traceback."""
        from micropip_lock.errors import MicropipLockError

        try:
            action()
        except MicropipLockError as error:
            self.log.error("[lite] [micropip-lock] %s", error)
            return False
        return True

    def _build(self) -> None:
        from micropip_lock_lite.build import build
        from micropip_lock_lite.options import read_options
        from micropip_lock_lite.settings import KERNEL_PLUGIN, OUR_PLUGIN, front_end_settings, kernel_settings

        self._refuse_others()
        options = read_options({name: getattr(self, name) for name in _TRAITS}, Path(self.manager.lite_dir))
        place, config = self._place(), Path(self.manager.output_dir) / _CONFIG
        before = self.get_lite_plugin_settings(config, KERNEL_PLUGIN)
        owners = self.get_lite_plugin_settings(options.root / _CONFIG, KERNEL_PLUGIN)
        has_runtime = self._brings_runtime(before)
        site = asyncio.run(build(options, place, has_runtime=has_runtime, tell=self._say))
        for note in site.notes:
            self.log.warning("[lite] [micropip-lock] %s", note)
        self.set_lite_plugin_settings(config, KERNEL_PLUGIN, kernel_settings(before, owners, site))
        self.set_lite_plugin_settings(config, OUR_PLUGIN, front_end_settings(site))
        if options.offline:
            self._keep_offline(config)
        for directory in (place.folder, place.runtime):
            self.maybe_timestamp(directory)

    def _keep_offline(self, config: Path) -> None:
        """Let JupyterLite's service worker keep what was visited."""
        told = json.loads(config.read_text("utf-8"))
        told["jupyter-config-data"]["enableServiceWorkerCache"] = True
        config.write_text(json.dumps(told, indent=2, sort_keys=True), "utf-8")
        self.maybe_timestamp(config)

    def _check(self) -> None:
        from micropip_lock_lite.check import check

        self._refuse_others()
        self._say(f"{check(self._place())} wheels are those that the locks name")

    def _place(self) -> Any:
        from micropip_lock_lite.place import Place

        return Place(
            lite=Path(self.manager.lite_dir),
            output=Path(self.manager.output_dir),
            cache=Path(self.manager.cache_dir) / "micropip-lock",
        )

    def _say(self, text: str) -> None:
        self.log.info("[lite] [micropip-lock] %s", text)

    def _brings_runtime(self, settings: dict[str, Any]) -> bool:
        """Whether the site has a Pyodide that others put there; it is in place by now.

        Raises:
            UsageError: code ``runtime-elsewhere``.
        """
        from micropip_lock.errors import UsageError
        from micropip_lock_lite.place import FOLDER, RUNTIME

        url = str(settings.get("pyodideUrl") or "")
        if not url or self.pyodide:
            return False
        if not url.startswith((f"./{RUNTIME}/", f"./{FOLDER}/")):
            raise UsageError(
                "the site takes its Pyodide from elsewhere",
                code="runtime-elsewhere",
                where=f"{_CONFIG}: pyodideUrl",
                expected="a Pyodide of the site, which needs no network and stays what the lock is for",
                got=url,
                hint="take pyodideUrl out, or name the runtime with --micropip-lock-pyodide",
            )
        return bool((Path(self.manager.lite_dir) / "static" / "pyodide").exists() or self._other("pyodide_url"))

    def _refuse_others(self) -> None:
        """Refuse to build beside another addon that decides which lock a kernel starts with.

        Raises:
            UsageError: code ``two-lock-addons``.
        """
        from micropip_lock.errors import UsageError

        for name, addon in self.manager._addons.items():
            if type(addon).__name__ == "PyodideLockAddon" and getattr(addon, "enabled", False):
                raise UsageError(
                    "two addons are to decide which lock a kernel starts with",
                    code="two-lock-addons",
                    expected="one of them",
                    got=f"{name} and micropip-lock",
                    hint="leave out --pyodide-lock and PyodideLockAddon.enabled, or all settings of MicropipLockAddon",
                )

    def _other(self, trait: str) -> bool:
        """Whether the addon of the Pyodide kernel was told to bring a runtime."""
        return any(
            type(addon).__name__ == "PyodideAddon" and getattr(addon, trait, None)
            for addon in self.manager._addons.values()
        )
