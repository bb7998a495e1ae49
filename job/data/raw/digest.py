"""The SHA-256 of what is read, computed in a thread of its own while the blocks before it are parsed."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

MOST_WAITING = 4  # pieces that are held for it at once


class Digest:
    """A SHA-256 of pieces, in their order; made by :func:`digest_aside`."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._digest = hashlib.sha256()
        self._waiting: deque[Future[None]] = deque()

    def update(self, data: bytes) -> None:
        """Add a piece; waits where several are waiting already."""
        if len(self._waiting) == MOST_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(self._digest.update, data))

    def hexdigest(self) -> str:
        """Return the digest of all pieces so far."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._digest.hexdigest()


@contextmanager
def digest_aside() -> Iterator[Digest]:
    """Give a digest whose thread ends with the block."""
    with ThreadPoolExecutor(1) as pool:
        yield Digest(pool)
