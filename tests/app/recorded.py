"""Sites of recorded wheels: for tests of freeze."""

from __future__ import annotations

from typing import Any

from micropip_lock.adapters.site import TargetRuntime
from micropip_lock.core.digest import Digest
from micropip_lock.core.dist_info import OriginRecord, format_records
from micropip_lock.core.model import Abi, Origin
from micropip_lock.testing import BuiltWheel, wheel
from micropip_lock.testing.site import MemorySite

ABI = Abi(abi_version="2026_0", platform="emscripten_5_0_3", python="3.14.2")


RUNTIME = TargetRuntime(ABI)


INDEX = "https://index.example/simple"


def url_of(built: BuiltWheel) -> str:
    return f"https://files.example/{built.filename}"


def records_of(built: BuiltWheel, **changes: Any) -> dict[str, str]:
    """What recording leaves for a wheel."""
    plain = MemorySite(wheels=[built])
    (dist,) = plain.distributions()
    facts: dict[str, Any] = {
        "origin": Origin(kind="index", url=url_of(built), index=INDEX),
        "digest": Digest.of(built.data),
        "size": built.size,
        "record_digest": Digest.of((dist.read_text("RECORD") or "").encode()),
        **changes,
    }
    return {**format_records(OriginRecord(**facts)), "INSTALLER": "micropip"}


APP = wheel("app", "1.0", requires=["Lib>=1", 'win; sys_platform == "win32"', 'old; python_version < "3.14"'])


LIB = wheel("lib", "2.0", requires=["app"])


OTHER = wheel("other", "3.0")
