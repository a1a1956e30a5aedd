"""Fixtures of the tests of adapters: a wheel on an index, a fetcher that is quick to lose patience, a certificate."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from micropip_lock.adapters.host import HostFetcher
from micropip_lock.testing import (
    PackageIndex,
)
from tests.adapters.machine import Machine
from tests.adapters.servers import SIX


@pytest.fixture
def six(package_index: PackageIndex) -> str:
    """The address of a wheel."""
    return package_index.file_url(package_index.add(SIX).filename)


@pytest.fixture
async def fetcher(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostFetcher]:
    """A fetcher that is quick to lose patience, on a machine without proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with HostFetcher(connect_timeout=2, idle_timeout=0.4) as one:
        yield one


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1, and the server context that uses it."""
    directory = tmp_path_factory.mktemp("certificate")
    key, cert = directory / "key.pem", directory / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=index.example"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=digitalSignature,keyCertSign"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without any configuration."""
    return Machine(tmp_path)
