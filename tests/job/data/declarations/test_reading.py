"""A declaration is read whole or refused with everything that is wrong with it."""

from __future__ import annotations

import pytest

from job.data.declarations.kinds import Category, DateColumn, Number
from job.data.declarations.reading import read_declaration
from job.errors import DeclarationInvalid

TEXT = """
title = "Loans of a bank"
as_of = "2019-03"
[file]
separator = ";"
decimal = ","
key = "loan"
[target]
column = "state"
bad = ["default"]
good = ["paid"]
drop = ["running"]
horizon = 12
[group]
column = "borrower"
[time]
column = "granted"
format = "DD.MM.YYYY"
[costs]
lgd = 0.45
ead = "amount"
[protected.sex]
use = "audit"
[known_later]
columns = ["recovered"]
[features.amount]
kind = "number"
missing = [-999]
winsor = 0.01
reason = "The amount is high."
[features.purpose]
kind = "category"
levels = ["car", "house"]
"""


def read(text: str, name: str = "mine"):
    return read_declaration(text.encode(), name, "mine.toml")


def test_what_is_declared_is_read() -> None:
    found = read(TEXT)
    assert found.time == DateColumn("granted", "DD.MM.YYYY")
    assert found.features == (
        Number("amount", "amount", (-999.0,), winsor=0.01, reason="The amount is high."),
        Category("purpose", "purpose", ("car", "house")),
    )
    assert found.splits == ("time", "group", "row")
    assert {column for _, column, _ in found.columns()} == {
        "state", "borrower", "granted", "amount", "purpose", "sex",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('title = "Loans of a bank"', ""),
        ("lgd = 0.45", "lgd = 0.6"),
        ('use = "audit"', 'use = "never"'),
        ('reason = "The amount is high."', ""),
        ('separator = ";"', 'separator = ";"\nthousands = ""'),
    ],
)
def test_what_results_do_not_depend_on_is_recorded_and_not_bound(old: str, new: str) -> None:
    assert old in TEXT
    assert read(TEXT.replace(old, new)).digest == read(TEXT).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('decimal = ","', 'decimal = "."'),
        ('bad = ["default"]', 'bad = ["default", "late"]'),
        ("horizon = 12", "horizon = 24"),
        ('as_of = "2019-03"', 'as_of = "2019-04"'),
        ("missing = [-999]", "missing = [-99]"),
        ('levels = ["car", "house"]', 'levels = ["car", "house", "boat"]'),
        ('column = "borrower"', 'column = "household"'),
    ],
)
def test_what_features_target_group_and_time_depend_on_is_bound(old: str, new: str) -> None:
    assert old in TEXT
    assert read(TEXT.replace(old, new)).digest != read(TEXT).digest


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("separator", "seperator", "unknown key 'seperator' in [file]: did you mean 'separator'?"),
        ('"number"', '"numbr"', "features.amount.kind 'numbr' is unknown: did you mean 'number'?"),
        ('kind = "number"', "kind = []", "features.amount.kind '[]' is unknown"),
        ('bad = ["default"]', "", "target.bad is missing"),
        ('bad = ["default"]', 'bad = ["paid"]', "target: the value 'paid' stands in more than one place"),
        ("DD.MM.YYYY", "dd.mm.yy", "time.format 'dd.mm.yy' is no format of dates"),
        ("[features.amount]", "[features.recovered]", "features.recovered uses 'recovered', which is known only after"),
        ("[features.amount]", "[features.sex]", "features.sex uses 'sex', which is protected"),
        ("[features.amount]", "[features.state]", "features.state uses 'state', which is the target"),
        ("[features.amount]", "[features.loan]", "features.loan uses 'loan', which is the key"),
        ("[features.amount]", "[features.borrower]", "is a number for features.borrower and a text for group"),
        ("winsor = 0.01", "winsor = 0.5", "features.amount.winsor must be a number above 0 and below 0.5"),
        ('levels = ["car", "house"]', "", "features.purpose.levels is missing"),
        ("horizon = 12", "horizon = 0", "target.horizon must be a whole number from 1 to 127"),
        ('ead = "amount"', 'ead = "amount"\nroi = "high"', "costs.roi must be a number from 0 to 100"),
    ],
)
def test_what_is_wrong_is_said(old: str, new: str, problem: str) -> None:
    assert old in TEXT
    with pytest.raises(DeclarationInvalid) as refused:
        read(TEXT.replace(old, new))
    assert problem in refused.value.what


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(DeclarationInvalid) as refused:
        read(TEXT.replace("separator", "seperator").replace('"number"', '"numbr"').replace("2019-03", "2019"))
    for problem in ("'seperator'", "'numbr'", "as_of '2019' is no month"):
        assert problem in refused.value.what


@pytest.mark.parametrize("name", ["taiwan_credit", "own", "data", "Mine", "my-data", "_mine", "", "a" * 61])
def test_names_that_no_dataset_of_ones_own_may_have_are_refused(name: str) -> None:
    with pytest.raises(DeclarationInvalid, match="1 to 60 of a-z, 0-9 and _"):
        read(TEXT, name)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[", b"a = 1\na = 2", b"a = " + b"[" * 5000, b"a = 0x" + b"f" * 5000])
def test_what_is_no_toml_is_refused(data: bytes) -> None:
    with pytest.raises(DeclarationInvalid):
        read_declaration(data, "mine", "mine.toml")
