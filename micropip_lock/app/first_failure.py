"""Several downloads can fail at once, and one error comes out: which one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from micropip_lock.errors import MicropipLockError


def first_failure(failures: Mapping[str, MicropipLockError], group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure to raise: the one of the first name, so that it does not depend on timing more than it must.

    What is not of our tree (a listener of the caller's that raises) comes first and as it is: it is no outcome.

    Args:
        failures: Errors of our tree by package.
        group: What ended the task group.
    """
    foreign = group.split(MicropipLockError)[1]
    if foreign is not None:
        return next(_leaves(foreign))
    return failures[min(failures)]


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
