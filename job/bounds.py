"""How large an object of each kind may be: what is larger is nothing of ours, and is refused before it is read.

Who may write into the storage, or send a file, must not be able to use up the memory of whoever reads it. Each bound
leaves what ldp itself writes, and what its users have, room to grow.
"""

from __future__ import annotations

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

SPEC_BYTES = 1_000_000
DECLARATION_BYTES = 4 * MIB
MANIFEST_BYTES = 4 * MIB
BINDING_BYTES = MIB
NOTE_BYTES = 64 * KIB
"""Of the note that a raw file is a sample."""
ATTEMPT_BYTES = MIB
FAILURE_BYTES = MIB
CHECKPOINT_BYTES = 64 * MIB
STRETCH_BYTES = 4 * MIB
"""Of the neighbours of some thousand rows that are saved."""
STRETCHES = 20_000
"""How many of those are read."""
RESULT_BYTES = 128 * MIB
OBJECT_BYTES = 64 * MIB
"""Of an object of no particular kind."""

ROWS = 5_000_000
"""Of a raw file, of processed data and of a result; the whole Lending Club file has 2.26 million."""
FEATURES = 1000
PROCESSED_BYTES = 2 * GIB
"""Of a processed file, stored or as float32 values."""
COLUMNS = 50_000
"""Of a raw file."""
LINE_BYTES = 16 * MIB
"""Of a row of a raw file; its columns that are not needed count too."""
CELL_BYTES = 10_000
"""Of a cell that is needed."""
TEXT_BYTES = GIB
"""Of all that is kept of a raw file as text: names, and numbers that are not written plainly."""
