"""A dataset without code of its own, in the layout of UCI's German credit: from a laptop to priced decisions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.e2e_aws.account import Account, Ldp, compared, states
from tests.specs import TINY, TINY_UNITS

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")

ROWS = 600
# Attributes as UCI numbers them; those of names with their codes.
CODES = {
    1: ("A11", "A12", "A13", "A14"), 3: ("A30", "A31", "A32", "A33", "A34"),
    4: ("A40", "A41", "A42", "A43", "A46", "A49", "A410"), 6: ("A61", "A62", "A63", "A64", "A65"),
    7: ("A71", "A72", "A73", "A74", "A75"), 9: ("A91", "A92", "A93", "A94"), 10: ("A101", "A102", "A103"),
    12: ("A121", "A122", "A123", "A124"), 14: ("A141", "A142", "A143"), 15: ("A151", "A152", "A153"),
    17: ("A171", "A172", "A173", "A174"), 19: ("A191", "A192"), 20: ("A201", "A202"),
}  # fmt: skip
DECLARATION = f"""
title = "Credits in the layout of UCI's German credit data"
[file]
separator = " "
columns = {json.dumps([f"a{i}" for i in range(1, 21)] + ["class"])}
[target]
column = "class"
bad = ["2"]
good = ["1"]
[protected.age]
column = "a13"
use = "audit"
bands = [30, 50]
[protected.personal]
column = "a9"
use = "never"
[costs.matrix]
bad_granted = 5
good_refused = 1
[features.duration]
kind = "number"
column = "a2"
[features.amount]
kind = "number"
column = "a5"
[features.account]
kind = "category"
column = "a1"
levels = ["A11", "A12", "A13", "A14"]
[features.purpose]
kind = "category"
column = "a4"
levels = ["A40", "A41", "A42", "A43", "A46", "A49"]
rare = ["A410"]
"""


def credits_in_ucis_layout(rows: int = ROWS, seed: int = 1) -> str:
    """Draw rows without a header: codes and numbers, separated by blanks, the class last."""
    rng = np.random.default_rng(seed)
    account = rng.integers(0, 4, rows)
    bad = rng.random(rows) < 1 / (1 + np.exp(0.6 + 0.9 * (account - 1.2)))
    numbers = {2: (4, 72), 5: (250, 18_000), 8: (1, 4), 11: (1, 4), 13: (19, 75), 16: (1, 4), 18: (1, 2)}
    columns = {i: rng.integers(low, high + 1, rows).astype(str) for i, (low, high) in numbers.items()}
    columns |= {i: rng.choice(codes, rows) for i, codes in CODES.items()}
    columns[1] = np.array(CODES[1])[account]
    classes = np.where(bad, "2", "1")
    return "".join(f"{' '.join(columns[i][row] for i in range(1, 21))} {classes[row]}\n" for row in range(rows))


def test_a_declared_dataset_goes_up_runs_by_the_generic_jobs_and_comes_back_as_a_local_run_has_it(
    account: Account, ldp: Ldp
) -> None:
    Path("tiny.toml").write_text(TINY.replace("taiwan_credit", "german"))
    raw = Path("data/raw")
    raw.mkdir(parents=True)
    (raw / "german.csv").write_text(credits_in_ucis_layout())
    (raw / "german.toml").write_text(DECLARATION)

    refusal = ldp("cloud", "submit", "german", "--spec", "tiny.toml", code=1)
    assert "nothing is declared of german" in refusal
    assert "ldp cloud upload german" in refusal
    (sent,) = ldp("cloud", "upload", "german", "--json")
    assert (sent["sent"], sent["declarations"]) == (True, ["data/raw/german.toml"])

    submitted = ldp("cloud", "submit", "german", "--spec", "tiny.toml", "--json")
    execution = submitted["execution"]
    data, training = (one["name"] for one in submitted["jobs"])
    assert [one["definition"].rsplit(":")[0] for one in submitted["jobs"]] == [
        "loan-default-prediction-data-own",
        "loan-default-prediction-own",
    ]
    assert [one["tags"]["Dataset"] for one in account.batch.requests] == ["german", "german"]
    assert states(ldp)[training] == ("PENDING", f"it waits for {data}, which is RUNNABLE")
    (job,) = account.batch.ready()
    assert account.batch.run(job) == 0
    assert f'"rows": {ROWS}' in ldp("cloud", "logs", data)
    (job,) = account.batch.ready()
    assert account.batch.run(job, ends="term") == 143
    assert account.batch.run(job) == 0
    row = {one["name"]: one for one in ldp("cloud", "status", execution, "--json")["jobs"]}[training]
    assert (row["state"], row["dataset"], row["done"]) == ("SUCCEEDED", "german", TINY_UNITS)
    assert ldp("cloud", "cost", execution, "--json")["usd"] > 0
    planned = ldp("cloud", "plan", "--platform", "loan-default-prediction-dev", "--spec", "tiny.toml", "--json")
    assert [one["dataset"] for one in planned["deployed"]] == ["german"]

    pulled = ldp("cloud", "pull", execution, "--json")
    assert (pulled["damaged"], pulled["refused"]) == ([], [])
    ldp("data", "process", "german")
    ldp("experiment", "run", "--spec", "tiny.toml", "--execution-id", "local")
    assert compared(ldp, execution) == compared(ldp, "local")

    figures = [one for one in ldp("analyze", "units", execution, "--json") if one["why"] is None]
    assert {one["money"]["emp_heading"] for one in figures} == {"the declared cost matrix, in its unit"}
    assert all(one["money"]["declared"]["own"] > 0 for one in figures)
    groups = ldp("analyze", "fairness", "german", "age", execution, "--json")
    assert len({one["group"] for one in groups} | {groups[0]["reference"]}) == 3
    assert "is not kept" in ldp("analyze", "fairness", "german", "personal", execution, code=2)
