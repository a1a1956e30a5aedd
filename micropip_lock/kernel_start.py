"""What a kernel of a JupyterLite site loads when it starts: recording, ready for the first install.

IPython loads it as an extension (``c.InteractiveShellApp.extensions``). It is a composition root of its own beside
:mod:`micropip_lock.wiring`, because loading that takes a noticeable part of a kernel's start.

Rules this file keeps:

1. Nothing is imported before it is needed, and nothing that goes wrong here keeps a kernel from starting.
"""

from __future__ import annotations


def load_ipython_extension(shell: object) -> None:  # noqa: ARG001  # IPython's signature
    """Record from the first install on.

    Args:
        shell: IPython's shell; it is left as it is.
    """
    from micropip_lock.adapters.micropip_start import record_when_used

    record_when_used(_record)


def unload_ipython_extension(shell: object) -> None:  # noqa: ARG001  # IPython's signature
    """Wait for no install any more; recording that has begun goes on.

    Args:
        shell: IPython's shell; it is left as it is.
    """
    from micropip_lock.adapters.micropip_start import withdraw

    withdraw()


def _record() -> None:
    from micropip_lock.wiring import recording

    recording()
