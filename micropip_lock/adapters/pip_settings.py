"""pip's own settings on this machine: configuration files and ``PIP_*`` variables, read as pip documents them.

Rules this file keeps (pip, "Configuration"):

1. Files in pip's order, a later one overriding an earlier one key by key: global, user (legacy, then new), site,
   ``PIP_CONFIG_FILE``.  A ``PIP_CONFIG_FILE`` that exists replaces the user's files; ``os.devnull`` turns all off.
2. Sections ``[global]``, then ``[install]``, then the environment.  An empty value is no value.
3. A file that cannot be read or parsed is a :class:`~micropip_lock.errors.UsageError` that names it;
   pip expands no variables in these files, and neither do we.

What the values of indexes mean is left to :mod:`micropip_lock.adapters.indexes`.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from locale import getencoding
from pathlib import Path

from micropip_lock.adapters.places import Places
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


def read_pip_settings(environ: Mapping[str, str], places: Places) -> PipSettings:
    """Every setting of pip in force.

    Args:
        environ: The environment variables.
        places: Where the files are.

    Raises:
        UsageError: code ``bad-config``, for a file that cannot be read or parsed.
    """
    variables = {
        key.removeprefix("PIP_").lower().replace("_", "-"): Setting(value=value.strip(), source=key)
        for key, value in environ.items()
        if key.startswith("PIP_") and value.strip()
    }
    sections: dict[str, dict[str, Setting]] = {section: {} for section in _SECTIONS}
    files = configuration_files(environ, places)
    for path in files:
        for section, values in _read_file(path).items():
            sections[section].update(values)
    merged = {
        option: setting for section in _SECTIONS for option, setting in sections[section].items() if setting.value
    }
    return PipSettings(environment=variables, files=merged)


def configuration_files(environ: Mapping[str, str], places: Places) -> Sequence[Path]:
    """The configuration files of pip that exist, in the order in which they override each other."""
    own = environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return ()
    candidates = _global_files(environ, places)
    if not (own and (places.cwd / own).exists()):
        legacy = places.home / ("pip" if _WINDOWS else ".pip")
        candidates += [legacy / _BASENAME, _user_directory(environ, places) / _BASENAME]
    candidates.append(places.prefix / _BASENAME)
    if own:
        candidates.append(places.cwd / own)
    return tuple(path for path in candidates if path.exists())


class _NormalizingParser(configparser.RawConfigParser):
    """Without interpolation; ``index_url``, ``Index-URL`` and ``--index-url`` are one option, as for pip."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr.lower().replace("_", "-").removeprefix("--")


def configured_ca_bundle(environ: Mapping[str, str], places: Places) -> Path | None:
    """The file or directory of certificates that pip trusts instead of the system's, if one is configured.

    That is pip's ``cert``, else a variable of the HTTP library that pip is built on.

    Raises:
        UsageError: code ``bad-config``.
    """
    setting = read_pip_settings(environ, places).get("cert")
    path = setting.value if setting else environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    return Path(path).expanduser() if path else None


def _global_files(environ: Mapping[str, str], places: Places) -> list[Path]:
    if sys.platform == "darwin":
        return [Path("/Library/Application Support/pip") / _BASENAME]
    files = [directory / "pip" / _BASENAME for directory in places.system(environ)]
    # pip, "Configuration", Location: below each of XDG_CONFIG_DIRS, followed by /etc/pip.conf.
    return files if _WINDOWS else [*files, places.etc / _BASENAME]


def _user_directory(environ: Mapping[str, str], places: Places) -> Path:
    if sys.platform == "darwin":
        library = places.home / "Library" / "Application Support" / "pip"
        return library if library.is_dir() else places.home / ".config" / "pip"
    return places.user(environ) / "pip"


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
