"""The raw file's SHA-256, computed beside the parsing."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from job.data.raw.digest import digest_aside


@given(st.lists(st.binary(max_size=3000), max_size=20))
def test_pieces_count_in_their_order_however_many_wait(pieces: list[bytes]) -> None:
    with digest_aside() as digest:
        for piece in pieces:
            digest.update(piece)
        assert digest.hexdigest() == hashlib.sha256(b"".join(pieces)).hexdigest()
