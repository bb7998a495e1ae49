"""An attempt's record says on which instance it ran; where there is none, nothing is asked and nothing is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from job.console import Console
from job.executions.attempts import Attempt, read_attempts_under
from job.running.whereabouts import instance_facts, recorded
from job.signals import Stopped
from job.store import Store, data_attempts_prefix
from tests.faults.servers import serve

TOLD = {
    "instance-id": "i-0123456789abcdef0",
    "instance-type": "m5.xlarge",
    "instance-life-cycle": "spot",
    "placement/availability-zone": "eu-west-1b",
}
LIMITS: dict[str, object] = {"CPU": 4096, "Memory": 14336}


class InstanceMetadata(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        self._answer("token")

    def do_GET(self) -> None:
        if self.path == "/ecs":
            self._answer(json.dumps({"DockerId": "x", "Limits": LIMITS}))
        else:
            self._answer(TOLD.get(self.path.removeprefix("/latest/meta-data/")))

    def _answer(self, text: str | None) -> None:
        self.send_response(404 if text is None else 200)
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with serve(InstanceMetadata) as address:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", address)
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", f"{address}/ecs")
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
        yield


@pytest.mark.usefixtures("instance")
def test_an_instance_says_what_it_is_and_ecs_what_is_reserved() -> None:
    assert instance_facts() == {
        "id": "i-0123456789abcdef0", "type": "m5.xlarge", "life_cycle": "spot", "zone": "eu-west-1b",
        "vcpus": 4.0, "memory_mib": 14336.0,
    }  # fmt: skip


@pytest.mark.usefixtures("instance")
def test_what_is_not_told_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOLD, "instance-type", "m5\x1b[31m")
    monkeypatch.delitem(TOLD, "instance-life-cycle")
    monkeypatch.setitem(LIMITS, "CPU", "four")
    assert instance_facts() == {"id": "i-0123456789abcdef0", "zone": "eu-west-1b", "memory_mib": 14336.0}


def test_elsewhere_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert instance_facts() is None


@pytest.mark.usefixtures("instance")
@pytest.mark.parametrize(
    ("raised", "end"), [(None, "complete"), (ValueError("no"), "failed"), (Stopped(), "interrupted")]
)
def test_a_data_job_leaves_a_record_of_how_it_ended(
    raised: BaseException | None, end: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "aaaa:3")
    monkeypatch.setenv("AWS_BATCH_JOB_ATTEMPT", "2")
    store = Store.open(str(tmp_path))

    def one() -> Attempt:
        (found,) = read_attempts_under(store, data_attempts_prefix())
        return found

    def run() -> None:
        with recorded(store, "taiwan_credit", Console.silent()):
            assert one().end is None, "it is there from the beginning"
            if raised is not None:
                raise raised

    if raised is None:
        run()
    else:
        with pytest.raises(type(raised)):
            run()
    assert (one().end, one().datasets, one().id) == (end, ("taiwan_credit",), "aaaa.3-2")
    assert one().instance is not None
    assert [info.key for info in store.objects(data_attempts_prefix())] == ["data/attempts/aaaa.3-2.json"]


def test_at_home_a_data_job_leaves_none(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_BATCH_JOB_ID", raising=False)
    store = Store.open(str(tmp_path))
    with recorded(store, None, Console.silent()):
        pass
    assert list(store.objects("data/")) == []
