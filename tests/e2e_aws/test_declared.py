"""A dataset without code of its own, in the layout of UCI's German credit: from a laptop to priced decisions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e_aws.account import Account, Ldp, compared, states
from tests.job.data.declarations.strangers import german
from tests.specs import TINY, TINY_UNITS

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")

ROWS = 600
# What nobody can guess from the file: who is protected, and what decisions cost.
MORE = """
[protected.age]
column = "c13"
use = "audit"
bands = [30, 50]
[protected.personal]
column = "c9"
use = "never"
[costs.matrix]
bad_granted = 5
good_refused = 1
"""


def test_a_declared_dataset_goes_up_runs_by_the_generic_jobs_and_comes_back_as_a_local_run_has_it(
    account: Account, ldp: Ldp
) -> None:
    Path("tiny.toml").write_text(TINY.replace("taiwan_credit", "german"))
    Path("another.toml").write_text(TINY)
    german(Path("german.data"), rows=ROWS)
    ldp("data", "init", "german.data", "--target", "c21", "--bad", "2")
    declaration = Path("data/raw/german.toml")
    drafted = declaration.read_text("utf-8").split("\n\n")
    kept = [part for part in drafted if "[features.c9]" not in part and "[features.c13]" not in part]
    declaration.write_text("\n\n".join(kept) + MORE, "utf-8")

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

    # A spec that lists other datasets is that spec on this one.
    by_another = ldp("cloud", "submit", "german", "--spec", "another.toml", "--skip-data", "--json")
    (job,) = account.batch.ready()
    assert account.batch.run(job) == 0
    ldp("cloud", "pull", by_another["execution"])
    ours, theirs = (compared(ldp, one) for one in (execution, by_another["execution"]))
    assert [{**row, "spec": None} for row in ours] == [{**row, "spec": None} for row in theirs]

    figures = [one for one in ldp("analyze", "units", execution, "--json") if one["why"] is None]
    assert {one["money"]["emp_heading"] for one in figures} == {"the declared cost matrix, in its unit"}
    assert all(one["money"]["declared"]["own"] > 0 for one in figures)
    groups = ldp("analyze", "fairness", "german", "age", execution, "--json")
    assert len({one["group"] for one in groups} | {groups[0]["reference"]}) == 3
    assert "is not kept" in ldp("analyze", "fairness", "german", "personal", execution, code=2)
