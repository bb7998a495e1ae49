"""The real Taiwan file on its way to a finished table: from a laptop, through jobs that are interrupted, and back.

The jobs run in the image, as AWS Batch would start it, where there is a container engine; as processes else.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.conftest import Engine, built, find_engine, shared_by
from tests.e2e_aws.account import Account, Ldp, compared, deployed, states

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")

DATASET = "taiwan_credit"


@pytest.fixture
def account(
    real_data: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, testrun_uid: str
) -> Iterator[Account]:
    """An account with a platform, whose jobs run in the image where that can be had."""
    engine = find_engine()
    if isinstance(engine, Engine):
        built(engine, shared_by(tmp_path_factory, testrun_uid), "cpu", "GPU=false")
    (tmp_path / "jobs").mkdir()
    with deployed(tmp_path / "jobs", engine.command if isinstance(engine, Engine) else None) as found:
        yield found


def test_the_real_file_goes_up_is_trained_on_in_interrupted_jobs_and_comes_back_as_a_local_run_has_it(
    account: Account, ldp: Ldp, real_data: Path
) -> None:
    Path("data/raw").mkdir(parents=True)
    shutil.copy(real_data / f"{DATASET}.csv", "data/raw")
    (sent,) = ldp("cloud", "upload", DATASET, "--json")
    assert (sent["sent"], sent["sample"], sent["length"]) == (
        True,
        False,
        Path(f"data/raw/{DATASET}.csv").stat().st_size,
    )
    submitted = ldp("cloud", "submit", DATASET, "--spec", "quick", "--json")
    execution = submitted["execution"]
    data, training = (one["name"] for one in submitted["jobs"])
    assert states(ldp)[training] == ("PENDING", f"it waits for {data}, which is RUNNABLE")
    assert ldp("cloud", "cost", execution, "--json", code=1)

    (job,) = account.batch.ready()
    assert account.batch.run(job) == 0
    assert states(ldp)[data] == ("SUCCEEDED", "done")
    assert '"rows": 30000' in ldp("cloud", "logs", data)

    (job,) = account.batch.ready()
    account.batch.run(job, ends="reclaimed")
    row = {one["name"]: one for one in ldp("cloud", "status", execution, "--json")["jobs"]}[training]
    assert (row["state"], row["attempts"], row["lost"], row["failed"]) == ("RUNNABLE", 1, 1, 0)
    assert 1 <= row["done"] < row["total"]
    assert account.batch.run(job, ends="term") == 143
    before = ldp("cloud", "cost", execution, "--json")
    assert sorted(one["end"] for one in before["attempts"]) == ["complete", "interrupted", "killed"]
    assert account.batch.run(job) == 0
    row = {one["name"]: one for one in ldp("cloud", "status", execution, "--json")["jobs"]}[training]
    assert (row["state"], row["words"], row["done"]) == ("SUCCEEDED", "done, after 2 interruptions", row["total"])
    lines = [json.loads(line) for line in ldp("cloud", "logs", training).splitlines() if line.startswith("{")]
    begun = [one["event"] for one in lines if one["event"] in {"starting", "resuming"}]
    assert begun == ["starting", "resuming", "resuming"]
    cost = ldp("cloud", "cost", execution, "--json")
    assert (len(cost["attempts"]), cost["unknown"]) == (4, 0)
    assert 0 < cost["wasted_usd"] < cost["usd"] < cost["on_demand_usd"]
    assert cost["usd"] > before["usd"]

    pulled = ldp("cloud", "pull", execution, "--json")
    assert (pulled["damaged"], pulled["refused"]) == ([], [])
    ldp("data", "process", DATASET)
    ldp("experiment", "run", "--spec", "quick", "--only-dataset", DATASET, "--execution-id", "local")
    table = compared(ldp, execution)
    assert len([one for one in table if one["model"] != "reference"]) == row["total"] == 15
    assert table == compared(ldp, "local")
