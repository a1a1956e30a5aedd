"""No address of a package registry and no path of a developer's machine is in the repository."""

from __future__ import annotations

import re

import pytest

from tests.house.tree import files, git, texts

# Written in parts, so that this file does not hold what it looks for.
_HOSTS = [
    ("pypi", "org"),
    ("pythonhosted", "org"),
    ("python", "org", "pypi"),
    ("npmjs", "org"),
    ("npmjs", "com"),
    ("yarnpkg", "com"),
    ("npmmirror", "com"),
    ("deb", "debian", "org"),
    ("debian", "org", "debian"),
    ("anaconda", "org"),
]
_PLACES = [("root",), ("work", "main"), ("work", "shared")]

_BANNED = re.compile(
    "|".join(
        [
            *(r"(?<![\w-])" + r"[./]".join(map(re.escape, parts)) + r"(?![\w-])" for parts in _HOSTS),
            *(r"(?<![\w.*}-])/" + "/".join(parts) + r"/[\w.]" for parts in _PLACES),
            r"/home/(?!user\b|me\b|pyodide\b|web_user\b)\w+/",
            r"/Users/\w+/",
        ]
    ),
    re.IGNORECASE,
)


def _found(text: str) -> list[str]:
    return [match.group() for match in _BANNED.finditer(text)]


def test_no_file_names_a_registry_or_a_machine() -> None:
    """Every file that git keeps is free of registry hosts and of somebody's directories."""
    found = {str(path): hits for path, text in texts() if (hits := _found(text))}
    assert {} == found


def test_no_file_name_names_a_registry() -> None:
    """The names of the files are free of them too."""
    assert [] == _found("\n".join(map(str, files())))


def test_no_commit_message_names_a_registry_or_a_machine() -> None:
    """Every commit message is free of registry hosts and of somebody's directories."""
    assert [] == _found(git("log", "--format=%B"))


@pytest.mark.parametrize("parts", _HOSTS)
def test_a_registry_host_is_seen(parts: tuple[str, ...]) -> None:
    """A host is found in an address, with a name in front of it, and in capitals."""
    host = ".".join(parts[:2]) + "".join(
        f"{'/' if parts[0] in {'python', 'debian'} else '.'}{part}" for part in parts[2:]
    )
    seen = [bool(_found(text)) for text in (f"https://{host}/simple", f"files.{host.upper()}:443", f"see {host}.")]
    assert [True, True, True] == seen


@pytest.mark.parametrize(
    "text", ["/".join(["", *parts, "x"]) for parts in _PLACES] + ["/".join(["", "home", "ada", "x"])]
)
def test_a_path_of_a_machine_is_seen(text: str) -> None:
    """A directory of a developer's machine is found."""
    assert [] != _found(f"see {text}/y")


@pytest.mark.parametrize(
    "text",
    [
        "https://index.example/simple",
        "micropip.org.example",
        "/home/user/x",
        "mypypi-org",
        "/".join(("", "a", "root", "x")),
    ],
)
def test_other_names_are_let_through(text: str) -> None:
    """Example hosts and example paths are no finding."""
    assert [] == _found(text)
