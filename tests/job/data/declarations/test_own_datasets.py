"""A declared dataset is processed as one that has code of its own."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from job.console import Console
from job.data.audit import load_audit
from job.data.datasets.samples import write_sample
from job.data.declarations.dates import reader_of
from job.data.processed import load_processed
from job.data.processing import process
from job.errors import LdpError, ProcessedDataInvalid, ProcessedDataNotFound, RawFileInvalid
from job.planning.known import check_current
from job.store import Store
from tests.job.data.declarations.published import corporate_declaration, taiwan_declaration
from tests.job.data.ear import Ear


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path))


def declare(store: Store, name: str, text: str) -> None:
    store.put(f"data/raw/{name}.toml", text.encode())


@pytest.mark.parametrize(
    ("built_in", "text"), [("taiwan_credit", taiwan_declaration()), ("corporate_ccc", corporate_declaration())]
)
def test_a_declaration_of_a_published_dataset_gives_its_fingerprint(store: Store, built_in: str, text: str) -> None:
    write_sample(store, built_in, rows=2000, seed=1)
    declare(store, "mine", text)
    console = Console.silent()
    ours, theirs = process(store, "mine", console).info, process(store, built_in, console).info
    assert ours.fingerprint == theirs.fingerprint
    assert ours.declared == theirs.declared
    assert ours.synthetic
    assert ours.declaration is not None
    assert theirs.declaration is None
    assert load_processed(store, "mine").feature_names == load_processed(store, built_in).feature_names


HEAD = "key;state;d;when;who;amount;income;purpose;code;opened;sex;age;lost"
TOML = """
[file]
separator = ";"
decimal = ","
thousands = "."
missing = ["k.A."]
key = "key"
[target]
column = "state"
bad = ["bad"]
good = ["good"]
drop = ["open"]
[group]
column = "who"
[time]
column = "when"
format = "DD.MM.YYYY"
[costs]
ead = "lost"
[protected.sex]
use = "audit"
[protected.age]
use = "audit"
bands = [25, 60]
[features.amount]
kind = "number"
missing = [-999]
at_most = 5000
indicator = true
winsor = 0.01
[features.ratio]
kind = "ratio"
numerator = "amount"
denominator = "income"
[features.purpose]
kind = "category"
levels = ["car", "house"]
rare = ["boat"]
reference = "house"
[features.code]
kind = "code"
levels = [1, 2, 3]
[features.history]
kind = "months-between"
from = "opened"
to = "when"
from_format = "M/D/YYYY"
format = "DD.MM.YYYY"
"""
ROWS = [
    "1;bad;x;01.02.2015;A;1.234,5;100;car;1;2/1/2014;f;24;10,5",
    "2;good;x;02.02.2015;A;-999;0;boat;2,0;12/31/2013;m;25;0",
    "3;open;x;;;;;;;;;;",
    "4;good;x;03.02.2015;B;k.A.;1;plane;9;2/2/2015;;60;0",
    "5;bad;x;28.02.2015;C;9.999;3;;3;2/28/2015;f;;1",
]


def file_of(rows: list[str]) -> bytes:
    return "\n".join([HEAD, *rows, ""]).encode()


def processed(store: Store, text: str = TOML, rows: list[str] = ROWS, raw: bytes | None = None):
    declare(store, "mine", text)
    store.put("data/raw/mine.csv", file_of(rows) if raw is None else raw)
    process(store, "mine", Console.silent(), force=True)
    return load_processed(store, "mine")


def test_each_kind_of_feature_becomes_what_it_says(store: Store) -> None:
    found = processed(store)
    X = dict(zip(found.feature_names, found.X.T.tolist(), strict=True))
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert found.target.tolist() == [1, 0, 0, 1]
    assert found.group is not None
    assert found.group.tolist() == ["A", "A", "B", "C"]
    assert found.time is not None
    assert found.time.astype(str).tolist() == ["2015-02-01", "2015-02-02", "2015-02-03", "2015-02-28"]
    assert X["amount"] == [1234.5, nan, nan, 5000]
    assert X["ratio"] == [pytest.approx(12.345), nan, nan, pytest.approx(3333)]
    assert X["purpose_car"] == [1, 0, 0, 0]
    assert "purpose_house" not in X
    assert X["purpose_unknown"] == [0, 1, 1, 1]
    assert (X["code_2"], X["code_3"], X["code_unknown"]) == ([0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0])
    assert X["history"] == [pytest.approx(days / 30.4375, abs=1e-4) for days in (365, 398, 1, 0)]
    assert found.info.declared.steps.indicators == ("amount",)
    assert found.info.declared.steps.winsorised == ("amount",)


def test_what_is_audited_is_kept_beside_the_data_and_is_no_feature(store: Store) -> None:
    found = processed(store)
    table = load_audit(store, "mine", found.fingerprint).to_pydict()
    assert table["sex"] == ["f", "m", None, "f"]
    assert table["age"] == ["below 25", "25 to below 60", "60 or more", None]
    assert table["lost"] == [10.5, 0, 0, 1]
    assert not {"sex", "age", "lost"} & set(found.feature_names)
    with pytest.raises(ProcessedDataInvalid, match="other processed data"):
        load_audit(store, "mine", "0" * 64)


def test_cells_that_are_no_cost_are_counted_and_said(store: Store) -> None:
    declare(store, "mine", TOML.replace('ead = "lost"', 'ead = "lost"\nlgd = "amount"\nroi = 0.1'))
    store.put("data/raw/mine.csv", file_of([ROWS[0].replace("10,5", "-10,5"), *ROWS[1:]]))
    ear = Ear()
    process(store, "mine", ear)
    assert [ear.fields["unpriced"][key] for key in ("column", "count")] == ["lost", 1]
    said = [message for message in ear.messages if "no cost" in message]
    assert [message.split(":")[1].split(" no")[0] for message in said] == [" 3 cells are", " 1 cell is"]


def test_what_is_never_to_be_kept_is_not_and_takes_away_what_was(store: Store) -> None:
    processed(store)
    never = TOML.replace('"audit"', '"never"').replace('ead = "lost"', "ead = 1")
    found = processed(store, never)
    with pytest.raises(ProcessedDataNotFound):
        load_audit(store, "mine", found.fingerprint)


def test_a_changed_declaration_is_said_before_anything_is_run_and_processed_again(store: Store) -> None:
    first = processed(store)
    declare(store, "mine", TOML.replace("at_most = 5000", "at_most = 4000"))
    with pytest.raises(ProcessedDataInvalid, match="by another declaration") as refused:
        check_current(store, "mine", first.info.declaration)
    assert refused.value.remedy == "Run `ldp data process mine`."
    report = process(store, "mine", Console.silent())
    assert not report.up_to_date
    assert report.info.fingerprint != first.fingerprint
    assert process(store, "mine", Console.silent()).up_to_date


def test_titles_and_costs_change_nothing_that_is_processed(store: Store) -> None:
    processed(store)
    declare(store, "mine", 'title = "Another"\n' + TOML.replace('ead = "lost"', 'ead = "lost"\nlgd = 0.4'))
    assert process(store, "mine", Console.silent()).up_to_date


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("1;bad;", "1;worse;", "line 2, column state: 'worse' is neither bad, good nor to be left out"),
        ("1.234,5", "1.2345", "line 2, column amount: '1.2345' is not a number"),
        ("1.234,5", "1234.5", "line 2, column amount: '1234.5' is not a number"),
        ("01.02.2015", "31.02.2015", "line 2, column when: '31.02.2015' is no date as DD.MM.YYYY"),
        ("01.02.2015", "", "line 2, column when: '' is no date, and every row has one"),
        (";A;1.234,5", ";;1.234,5", "line 2, column who: '' is no group, and every row has one"),
    ],
)
def test_a_cell_that_is_not_what_it_is_declared_to_be_is_named(store: Store, old: str, new: str, problem: str) -> None:
    assert old in ROWS[0]
    with pytest.raises(RawFileInvalid) as refused:
        processed(store, rows=[ROWS[0].replace(old, new), *ROWS[1:]])
    assert problem in refused.value.what


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1", "cp1252"])
def test_other_encodings_give_the_same_data(store: Store, encoding: str) -> None:
    rows = [row.replace("plane", "Flügel") for row in ROWS]
    plain = processed(store, rows=rows).fingerprint
    declared = TOML.replace('separator = ";"', f'separator = ";"\nencoding = "{encoding.removesuffix("-le")}"')
    assert processed(store, declared, raw=file_of(rows).decode().encode(encoding)).fingerprint == plain


def test_a_row_counts_where_its_outcome_was_due_and_as_bad_where_it_turned_bad_by_then(store: Store) -> None:
    text = """
    as_of = "2016-06"
    [target]
    column = "y"
    bad = [1]
    good = [0]
    horizon = 12
    outcome = {column = "ended"}
    [time]
    column = "t"
    [features.x]
    kind = "number"
    """
    rows = [
        ("1", "2015-01-05", "2015-06-01"),
        ("1", "2015-01-05", "2016-02-01"),  # bad, and after its twelve months
        ("1", "2015-02-05", "2016-02-01"),
        ("0", "2015-06-30", ""),
        ("0", "2015-07-01", ""),  # not due in June 2016
    ]
    data = "y,t,ended,x\n" + "".join(f"{y},{t},{ended},{i}\n" for i, (y, t, ended) in enumerate(rows))
    found = processed(store, text, raw=data.encode())
    assert found.target.tolist() == [1, 0, 1, 0]
    assert found.X[:, 0].tolist() == [0, 1, 2, 3]
    assert found.horizon is not None
    assert found.horizon.tolist() == [12] * 4


def test_a_synthetic_file_of_ones_own_dataset_processes_and_is_marked(store: Store) -> None:
    declare(store, "mine", TOML)
    write_sample(store, "mine", rows=400, seed=2)
    info = process(store, "mine", Console.silent()).info
    assert info.synthetic
    assert 0.1 < info.default_rate < 0.3
    assert info.rows == 400


@pytest.mark.parametrize(
    ("format_", "cell"),
    [
        ("DD.MM.YYYY", "07.03.2015"),
        ("M/D/YYYY", "3/7/2015"),
        ("D/M/YYYY", "7/3/2015 00:00:00"),
        ("YYYYMMDD", "20150307"),
        (None, "2015-03-07"),
        (None, "07-Mar-2015"),
    ],
)
def test_the_formats_of_dates_that_banks_have_are_read(format_: str | None, cell: str) -> None:
    assert reader_of(format_)(cell) == date(2015, 3, 7)
    for other in ("", "2015", "7.3.15", "32.13.2015", "20150345"):
        assert reader_of(format_)(other) is None


def test_months_without_a_day_are_their_first() -> None:
    for format_, cell in (("MMM-YYYY", "Dec-2015"), (None, "Dec-2015"), ("MM/YYYY", "12/2015")):
        assert reader_of(format_)(cell) == date(2015, 12, 1)


ODD_VALUES = [
    "[]",
    "{}",
    '""',
    "-1",
    "1e308",
    "nan",
    "inf",
    "true",
    '"x"',
    '["a", "a"]',
    "[1, 'a']",
    "2015-01-01",
    '";"',
]
ODD_CELLS = ["", "n/a", "1e999", '"', "ü", "\x00", "1.2.3", "31.12.9999", "99%", "9" * 40, "bad", "-", "a;b"]


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, bytes]:
    lines = TOML.splitlines()
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(["drop", "double", "value", "cut", "swap"]))
        if how == "drop":
            lines[at : at + 1] = []
        elif how == "double":
            lines.insert(at, lines[at])
        elif how == "value" and "=" in lines[at]:
            lines[at] = f"{lines[at].split('=')[0]}= {draw(st.sampled_from(ODD_VALUES))}"
        elif how == "cut":
            lines[at] = lines[at][: draw(st.integers(0, 20))]
        else:
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
    rows = [row.split(";") for row in (HEAD, *ROWS)]
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.sampled_from(rows))
        row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(ODD_CELLS))
    data = "\n".join(";".join(row) for row in rows).encode()
    if draw(st.booleans()):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=6)) + data[at + draw(st.integers(0, 3)) :]
    return "\n".join(lines), data


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mangled())
def test_any_declaration_and_any_mangled_file_processes_or_is_refused(made: tuple[str, bytes]) -> None:
    text, data = made
    store = Store.open("memory:///")
    declare(store, "mine", text)
    store.put("data/raw/mine.csv", data)
    outcome = attempt(store)
    if isinstance(outcome, LdpError):
        assert str(outcome).isprintable()
        assert store.info("data/processed/mine_y.parquet") is None
    else:
        found = load_processed(store, "mine")
        assert found.fingerprint == outcome.fingerprint
        assert min(np.bincount(found.target, minlength=2)) >= 2


def attempt(store: Store):
    try:
        return process(store, "mine", Console.silent()).info
    except LdpError as error:
        return error
