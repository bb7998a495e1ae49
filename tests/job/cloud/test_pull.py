"""What is pulled is whole, verified, below its folder, and fetched once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from job.cloud.pull import pull
from job.errors import ExecutionMismatch, ExecutionNotFound, StorageError
from job.executions.executions import Execution, create
from job.executions.identity import Identity
from job.executions.results import decode
from job.planning.spec import Spec
from job.store import Store, manifest_key, report_key
from tests.job.executions.test_recovery import commit_one


@pytest.fixture
def bucket(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "bucket"))


@pytest.fixture
def local(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "here"))


@pytest.fixture
def execution(bucket: Store, tiny: Spec) -> Execution:
    found, _ = create(bucket, Identity.here(tiny, "cpu"), "autumn")
    for unit in found.spec.units():
        commit_one(bucket, found, unit, "aaa")
    bucket.put(report_key("autumn", "tables/summary.csv"), b"a,b\n")
    bucket.put("executions/autumn/progress/x/y.json", b"{}")
    return found


def keys(store: Store) -> set[str]:
    return {one.key for prefix in ("executions/", "reports/") for one in store.objects(prefix)}


def test_everything_but_checkpoints_is_fetched_and_the_second_time_no_result(
    bucket: Store, local: Store, execution: Execution
) -> None:
    first = pull(bucket, local, "autumn")
    assert keys(local) == {key for key in keys(bucket) if "/progress/" not in key}
    assert first.damaged == first.refused == []
    units = len(list(execution.spec.units()))
    again = pull(bucket, local, "autumn")
    assert again.here == units
    assert first.fetched == units + again.fetched


def test_a_result_that_is_damaged_in_the_bucket_gets_no_name_here(
    bucket: Store, local: Store, execution: Execution
) -> None:
    key = execution.result_key(next(iter(execution.spec.units())))
    data = bucket.get(key) or b""
    bucket.put(key, data[: len(data) // 2])
    assert pull(bucket, local, "autumn").damaged == [key]
    assert local.get(key) is None


def test_a_result_that_is_damaged_here_is_fetched_again(bucket: Store, local: Store, execution: Execution) -> None:
    pull(bucket, local, "autumn")
    key = execution.result_key(next(iter(execution.spec.units())))
    data = bytearray(local.get(key) or b"")
    data[len(data) // 2] ^= 255
    local.put(key, bytes(data))
    pull(bucket, local, "autumn")
    assert decode(local.get(key) or b"").digest == decode(bucket.get(key) or b"").digest


def test_a_pull_that_breaks_off_goes_on_where_it_was(
    bucket: Store, local: Store, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, calls = bucket.get, 0

    def breaking(key: str, *more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise StorageError("the line is broken", "Mend it.")
        return get(key, *more)

    monkeypatch.setattr(bucket, "get", breaking)
    with pytest.raises(StorageError):
        pull(bucket, local, "autumn")
    assert pull(bucket, local, "autumn").here > 0
    assert keys(local) == {key for key in keys(bucket) if "/progress/" not in key}


def test_another_execution_of_that_id_here_is_left_alone(bucket: Store, local: Store, execution: Execution) -> None:
    local.put(manifest_key("autumn"), b"{}")
    with pytest.raises(ExecutionMismatch, match="another execution of that id"):
        pull(bucket, local, "autumn")
    assert keys(local) == {manifest_key("autumn")}


def test_what_is_not_in_the_bucket_is_said(bucket: Store, local: Store) -> None:
    with pytest.raises(ExecutionNotFound):
        pull(bucket, local, "spring")
