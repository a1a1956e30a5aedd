"""What a freeze and a check of a wheel read of METADATA: the few fields they need, found without parsing the rest.

Rules this file keeps:

1. A field means what :mod:`email.parser` says it means: names in any case, values unfolded, the first of a field that
   may stand once; a line that is no field ends the fields.
2. The description, which is most of the text, is never looked at.

Source: "Core metadata specifications" (version 2.5, PEP 794 for ``Import-Name`` and ``Import-Namespace``).
Left to others: what a name, a version or a requirement may be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# RFC 5322, section 2.2: a name is printable ASCII without a colon; email.parser takes the same, and passes over the
# line that a mailbox puts before a message. Both begin with a line end because an expression finds that fastest.
_NO_FIELD: Final = re.compile(r"\n(?![!-9;-~]*:|[ \t]|From )")
_FIELD: Final = re.compile(
    r"\n(metadata-version|name|version|requires-python|requires-dist|import-name|import-namespace):"
    r"[ \t]*(.*(?:\n[ \t].*)*)",
    re.IGNORECASE,
)

_ONCE: Final = ("metadata-version", "name", "version", "requires-python")


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """The fields of METADATA that are read, as they are spelled there.

    Attributes:
        metadata_version: ``Metadata-Version``, or ``""``.
        name: ``Name``, or ``""``.
        version: ``Version``, or ``""``.
        requires_python: ``Requires-Python``, or ``""``.
        requires: Every ``Requires-Dist``.
        import_names: Every ``Import-Name``; ``None`` when the field is absent.
        import_namespaces: Every ``Import-Namespace``; ``None`` when the field is absent.
        repeated: Fields that may stand once and stand there with several values, in lower case.
    """

    metadata_version: str = ""
    name: str = ""
    version: str = ""
    requires_python: str = ""
    requires: tuple[str, ...] = ()
    import_names: tuple[str, ...] | None = None
    import_namespaces: tuple[str, ...] | None = None
    repeated: tuple[str, ...] = ()


def parse_metadata(text: str) -> Metadata:
    """Read METADATA; whatever the text is, there is an answer."""
    found: dict[str, list[str]] = {}
    for name, value in _FIELD.findall(_fields(text)):
        found.setdefault(name.lower(), []).append(value.strip())
    once = {name: found.get(name, [""]) for name in _ONCE}
    names, namespaces = found.get("import-name"), found.get("import-namespace")
    return Metadata(
        metadata_version=once["metadata-version"][0],
        name=once["name"][0],
        version=once["version"][0],
        requires_python=once["requires-python"][0],
        requires=tuple(found.get("requires-dist", ())),
        import_names=None if names is None else tuple(names),
        import_namespaces=None if namespaces is None else tuple(namespaces),
        repeated=tuple(name for name, values in once.items() if len(set(values)) > 1),
    )


def _fields(text: str) -> str:
    """The text up to the first line that is empty or no field, with plain line ends, one of them in front."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    head = "\n" + text.partition("\n\n")[0]
    # email.parser takes what follows for the message.
    wrong = _NO_FIELD.search(head)
    return head[: wrong.start()] if wrong else head
