"""Two of the published datasets as declarations, from what their code says of them."""

from __future__ import annotations

import json

from job.data.datasets import corporate_credit_rating as corporate
from job.data.datasets import taiwan_credit as taiwan


def taiwan_declaration() -> str:
    late = set(taiwan.STATUS)
    numbers = [
        f'[features.{name}]\nkind = "number"\n' + ("at_least = 0\n" if name in late else "") for name in taiwan.NUMBERS
    ]
    codes = []
    for name, levels in taiwan.LEVELS.items():
        other = f"other = {taiwan.OTHER[name]}\n" if name in taiwan.OTHER else ""
        codes.append(f'[features.{name}]\nkind = "code"\nlevels = {list(levels)}\n{other}unknown = false\n')
    target = f'[target]\ncolumn = "{taiwan.TARGET}"\nbad = [1]\ngood = [0]\n'
    return "\n".join(['[file]\nraw = "taiwan_credit"\nkey = "ID"\n', target, *numbers, *codes])


def corporate_declaration() -> str:
    """Of `corporate_ccc`: CCC or worse against better, with the ends of its ratios drawn in."""
    bad = json.dumps([rating for rating in corporate.RATINGS if rating in corporate.CCC_OR_WORSE])
    good = json.dumps([rating for rating in corporate.RATINGS if rating not in corporate.CCC_OR_WORSE])
    numbers = [f'[features.{name}]\nkind = "number"\nwinsor = 0.01\n' for name in corporate.RATIOS]
    sector = f'[features.Sector]\nkind = "category"\nlevels = {json.dumps(list(corporate.SECTORS))}\nunknown = false\n'
    head = f'[file]\nraw = "corporate_credit_rating"\n[target]\ncolumn = "Rating"\nbad = {bad}\ngood = {good}\n'
    return "\n".join([head, '[group]\ncolumn = "Symbol"\n', *numbers, sector])
