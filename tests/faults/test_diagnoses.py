"""What is wrong is said, and nothing else: each of these was once taken for something that it was not."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from job.console import Console
from job.data.processed import load_processed
from job.errors import (
    ExecutionMismatch,
    ExecutionNotFound,
    ProcessedDataNotFound,
    SpecInvalid,
    StorageError,
    StorageRefused,
)
from job.executions.executions import load_execution
from job.executions.resolve import resolve
from job.executions.verify import verify
from job.planning.spec import parse_spec, read_spec, spec_name
from job.store import Store
from job.store.spool import spool_file
from tests.faults.fuzz import FUZZ, SPEC, Platform, build, copied, ldp
from tests.faults.fuzz.spoil import rewritten, written


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return build(tmp_path_factory.mktemp("platform"))


@pytest.fixture
def root(platform: Platform, tmp_path: Path) -> Iterator[Path]:
    with copied(platform, tmp_path / "copy") as place:
        yield place


def test_a_scratch_directory_that_is_not_there_is_made(tmp_path: Path) -> None:
    with spool_file(tmp_path / "a" / "b") as spool:
        assert Path(spool.name).parent == tmp_path / "a" / "b"


def test_a_scratch_directory_that_cannot_be_made_is_not_taken_for_missing_data(
    s3_url: str, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    store = Store.open(s3_url, tmp_path / "file" / "scratch")
    for name in ("X", "y"):
        key = f"data/processed/taiwan_credit_{name}.parquet"
        store.put(key, (root / key).read_bytes())
    with pytest.raises(StorageRefused, match=r"scratch directory .* cannot be used: Not a directory") as refused:
        load_processed(store, "taiwan_credit")
    assert "LDP_SCRATCH_DIR" in refused.value.remedy
    with pytest.raises(ProcessedDataNotFound):
        load_processed(Store.open(s3_url, tmp_path), "lending_club")


@contextmanager
def open_files(most: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_too_few_open_files_are_not_taken_for_damaged_data(root: Path) -> None:
    store = Store.open(str(root))
    load_processed(store, "taiwan_credit")
    with ExitStack() as held, open_files(most := 3 + max(int(one.name) for one in Path("/proc/self/fd").iterdir())):
        for _ in range(most):
            with suppress(OSError):
                held.enter_context(Path("/dev/null").open())
        with pytest.raises(StorageError, match="Too many open files") as refused:
            load_processed(store, "taiwan_credit")
    assert "ulimit -n" in refused.value.remedy


def test_an_edited_manifest_is_named_and_its_remedy_is_no_option_that_was_not_given(
    platform: Platform, root: Path
) -> None:
    path = root / platform.keys["manifest"]
    path.write_text(path.read_text().replace('"folds": 2', '"folds": 3'))
    spec = parse_spec(SPEC, "fuzz", FUZZ)
    with pytest.raises(ExecutionMismatch, match=r"is not what it was made with, .*spec\.folds") as refused:
        resolve(Store.open(str(root)), spec, "cpu", {}, execution_id=None, skip_resume=False, console=Console.silent())
    assert "--execution-id" not in refused.value.remedy
    assert "--skip-resume" in refused.value.remedy
    code, said = ldp(root, "experiment", "run", "--spec", FUZZ, "--skip-resume", LDP_LOG_FORMAT="text")
    assert (code, f"starting {platform.execution[:-1]}2" in said) == (1, True)


def test_a_folder_without_a_manifest_is_not_offered_instead_of_itself(root: Path) -> None:
    (root / "executions/autumn").mkdir()
    (root / "executions/autumn/notes.txt").touch()
    with pytest.raises(ExecutionNotFound, match="has no manifest") as refused:
        load_execution(Store.open(str(root)), "autumn")
    assert "did you mean" not in refused.value.remedy


@pytest.mark.parametrize("text", ["[/x]", "[bold red]x[/]", "\x1b[2J", ":warning:", "a\nerror: b"])
def test_an_error_s_text_is_shown_as_it_is_and_steers_nothing(text: str, platform: Platform, root: Path) -> None:
    (root / platform.keys["failure"]).write_bytes(json.dumps({"error": text}).encode())
    code, said = ldp(root, "experiment", "status", LDP_LOG_FORMAT="text")
    assert code == 0
    assert text.replace("\x1b", " ").replace("\n", " ").strip() in said


@pytest.mark.parametrize("content", [b"[]", b'{"fingerprint": 5}', b'{"fingerprint": "x", "rows": 1e999}'])
@pytest.mark.parametrize("arguments", [("experiment", "status"), ("experiment", "list"), ("analyze", "summary")])
def test_a_binding_of_another_shape_is_named_and_the_command_goes_on(
    arguments: tuple[str, str], content: bytes, platform: Platform, root: Path
) -> None:
    (root / platform.keys["binding"]).write_bytes(content)
    code, said = ldp(root, *arguments, LDP_LOG_FORMAT="text")
    assert code == 0
    assert "taiwan_credit.json" in said


def test_what_stands_among_failures_and_checkpoints_and_is_no_unit_s_does_not_count(
    platform: Platform, root: Path
) -> None:
    _, before = ldp(root, "experiment", "status", "--json")
    for place in ("failures/junk.json", "failures/lending_club/x/y/seed_1.json", "progress/a/b/c/seed_9/x.json"):
        path = root / "executions" / platform.execution / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"{}")
    code, after = ldp(root, "experiment", "status", "--json")
    assert (code, json.loads(after)["datasets"]) == (0, json.loads(before)["datasets"])


def test_a_record_without_a_metric_is_named_and_the_others_are_summarised(platform: Platform, root: Path) -> None:
    from job.executions.results import _digest

    path = root / platform.keys["result"]
    table = pq.read_table(path)
    record = json.loads(table.schema.metadata[b"ldp"])
    del record["metrics"]["ks"], record["digest"]
    record["digest"] = _digest(record, [column.to_numpy() for column in table.columns])
    path.write_bytes(rewritten(table, {**table.schema.metadata, b"ldp": written(record)}))
    store = Store.open(str(root))
    execution = load_execution(store, platform.execution)
    (what,) = verify(store, execution, execution.spec.units()).damaged.values()
    assert "it has no metric ks" in what
    code, said = ldp(root, "analyze", "summary", LDP_LOG_FORMAT="text")
    assert (code, "it has no metric ks: left out" in said) == (0, True)


def test_a_pipe_is_no_spec_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.toml")
    with pytest.raises(SpecInvalid, match="it is no file"):
        read_spec(str(tmp_path / "x.toml"))
    assert spec_name(str(tmp_path / "x.toml")) == "x"


def test_a_spec_may_begin_with_the_mark_that_some_editors_write(tmp_path: Path) -> None:
    (tmp_path / "marked.toml").write_bytes(b"\xef\xbb\xbf" + SPEC.encode())
    assert read_spec(str(tmp_path / "marked.toml")).seeds == (1, 2, 3)
