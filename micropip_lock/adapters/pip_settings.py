"""pip's own settings on this machine: configuration files and ``PIP_*`` variables, read as pip documents them.

Rules this file keeps (pip, "Configuration"):

1. Files in pip's order, a later one overriding an earlier one key by key: global, user (legacy, then new), site,
   ``PIP_CONFIG_FILE``.  A ``PIP_CONFIG_FILE`` that exists replaces the user's files; ``os.devnull`` turns all off.
2. Sections ``[global]``, then ``[install]``, then the environment.  An empty value is no value.
3. A file that cannot be read or parsed is a :class:`~micropip_lock.errors.UsageError` that names it;
   pip expands no variables in these files, and neither do we.

What the values mean is left to :mod:`micropip_lock.adapters.indexes` and :mod:`micropip_lock.adapters.host`.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from locale import getencoding
from pathlib import Path

from micropip_lock.errors import UsageError

_WINDOWS = sys.platform == "win32"
_BASENAME = "pip.ini" if _WINDOWS else "pip.conf"
_SECTIONS = ("global", "install")
_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
_FALSE = frozenset({"n", "no", "f", "false", "off", "0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One value and where it was found.

    Attributes:
        value: As written, stripped; never empty.
        source: A variable's name, or a file and section, for messages.
    """

    value: str
    source: str

    def words(self) -> tuple[str, ...]:
        """The values of an option that can be given several times, separated by white space or lines."""
        return tuple(self.value.split())

    def is_true(self) -> bool:
        """The value of a switch.

        Raises:
            UsageError: code ``bad-config``.
        """
        word = self.value.lower()
        if word not in _TRUE | _FALSE:
            raise UsageError(
                "not a yes or no", code="bad-config", where=self.source, expected="true or false", got=self.value
            )
        return word in _TRUE


@dataclass(frozen=True, kw_only=True, slots=True)
class PipSettings:
    """pip's settings that reach us, by long option name without dashes.

    Attributes:
        environment: From ``PIP_*`` variables.
        files: From configuration files, the last one that said it.
    """

    environment: Mapping[str, Setting]
    files: Mapping[str, Setting]

    def get(self, option: str) -> Setting | None:
        """What pip itself would use for ``option``."""
        return self.environment.get(option) or self.files.get(option)


def read_pip_settings(
    environ: Mapping[str, str], *, home: Path | None = None, prefix: Path | None = None
) -> PipSettings:
    """Every setting of pip in force.

    Args:
        environ: The environment variables.
        home: The user's home directory; that of ``environ``, else of the account, when not given.
        prefix: The environment whose site file counts; ``sys.prefix`` when not given.

    Raises:
        UsageError: code ``bad-config``, for a file that cannot be read or parsed.
    """
    variables = {
        key.removeprefix("PIP_").lower().replace("_", "-"): Setting(value=value.strip(), source=key)
        for key, value in environ.items()
        if key.startswith("PIP_") and value.strip()
    }
    sections: dict[str, dict[str, Setting]] = {section: {} for section in _SECTIONS}
    files = configuration_files(environ, home=home, prefix=prefix)
    for path in files:
        for section, values in _read_file(path).items():
            sections[section].update(values)
    merged = {
        option: setting for section in _SECTIONS for option, setting in sections[section].items() if setting.value
    }
    return PipSettings(environment=variables, files=merged)


def configuration_files(
    environ: Mapping[str, str], *, home: Path | None = None, prefix: Path | None = None
) -> Sequence[Path]:
    """The configuration files of pip that exist, in the order in which they override each other."""
    own = environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return ()
    home = home or Path(environ.get("HOME") or Path.home())
    candidates = _global_files(environ)
    if not (own and Path(own).exists()):
        candidates += [home / ("pip" if _WINDOWS else ".pip") / _BASENAME, _user_directory(environ, home) / _BASENAME]
    candidates.append((prefix or Path(sys.prefix)) / _BASENAME)
    if own:
        candidates.append(Path(own))
    return tuple(path for path in candidates if path.exists())


class _NormalizingParser(configparser.RawConfigParser):
    """Without interpolation; ``index_url``, ``Index-URL`` and ``--index-url`` are one option, as for pip."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr.lower().replace("_", "-").removeprefix("--")


def ca_bundle(environ: Mapping[str, str], settings: PipSettings) -> Setting | None:
    """The file or directory of certificates that pip would trust instead of the system's, if one is configured.

    ``cert`` of pip, else the variables of the HTTP library pip is built on.
    """
    if (setting := settings.get("cert")) is not None:
        return setting
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if environ.get(name):
            return Setting(value=environ[name], source=name)
    return None


def _global_files(environ: Mapping[str, str]) -> list[Path]:
    if sys.platform == "darwin":
        return [Path("/Library/Application Support/pip") / _BASENAME]
    if _WINDOWS:
        return [Path(environ.get("PROGRAMDATA") or "C:\\ProgramData") / "pip" / _BASENAME]
    # pip, "Configuration", Location: below each of XDG_CONFIG_DIRS, followed by /etc/pip.conf.
    directories = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    return [
        *(Path(directory) / "pip" / _BASENAME for directory in directories.split(os.pathsep) if directory),
        Path("/etc") / _BASENAME,
    ]


def _user_directory(environ: Mapping[str, str], home: Path) -> Path:
    if _WINDOWS:
        return Path(environ.get("APPDATA") or home / "AppData" / "Roaming") / "pip"
    if sys.platform == "darwin":
        library = home / "Library" / "Application Support" / "pip"
        return library if library.is_dir() else home / ".config" / "pip"
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip"


def _read_file(path: Path) -> dict[str, dict[str, Setting]]:
    parser = _NormalizingParser()
    # pip reads its files in the encoding of the locale.
    encoding = "utf-8" if sys.flags.utf8_mode else getencoding()
    try:
        parser.read_string(path.read_text(encoding=encoding), source=str(path))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise UsageError(
            "pip's configuration file cannot be read",
            code="bad-config",
            where=str(path),
            got=str(error).replace("\n", " "),
            hint="correct the file, or set PIP_CONFIG_FILE to the null device to leave pip's files out",
        ) from error
    return {
        section: {
            option: Setting(value=value.strip(), source=f"{path} [{section}]")
            for option, value in parser.items(section)
        }
        for section in _SECTIONS
        if parser.has_section(section)
    }
