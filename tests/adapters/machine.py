"""A machine whose configuration of pip and uv is only what a test writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from micropip_lock.adapters.indexes import (
    IndexSettings,
    read_index_settings,
)
from micropip_lock.adapters.places import Places


class Machine:
    """A machine whose only configuration is what a test writes."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.cwd = root / "work" / "project"
        self.prefix = root / "venv"
        self.etc = root / "etc"
        for directory in (self.home, self.cwd, self.prefix, self.etc):
            directory.mkdir(parents=True)
        self.places = Places(cwd=self.cwd, home=self.home, prefix=self.prefix, etc=self.etc)

    def write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def settings(self, explicit: list[str] | None = None, /, **environ: str) -> IndexSettings:
        return read_index_settings(explicit or [], environ=environ, places=self.places)

    def urls(self, **environ: str) -> list[str]:
        return [index.url.removeprefix("https://index.example/") for index in self.settings(**environ).indexes]


def index(name: str) -> str:
    return f"https://index.example/{name}"


def pip_layers(machine: Machine) -> Mapping[str, Path]:
    return {
        "global": machine.etc / "xdg/pip/pip.conf",
        "etc": machine.etc / "pip.conf",
        "legacy": machine.home / ".pip/pip.conf",
        "user": machine.home / ".config/pip/pip.conf",
        "site": machine.prefix / "pip.conf",
    }
