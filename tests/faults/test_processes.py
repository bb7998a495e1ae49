"""Real processes over a storage that fails, side by side, and on disks that fill up: the results are the same."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from job.executions.executions import list_executions
from tests.faults.conftest import Ldp
from tests.faults.servers import MetadataService, Weather, credentials_handler, proxy_to, serve
from tests.specs import TINY

RUN = ("experiment", "run", "--spec", "tiny.toml")


def test_a_run_through_a_storage_that_fails_now_and_then_gives_the_same_results(
    make_ldp: Callable[..., Ldp],
    s3_url: str,
    s3_endpoint: str,
    expected: dict[str, str],
    record_property: Callable[[str, object], None],
) -> None:
    ldp = make_ldp(s3_url)
    weather = Weather(seed=7)
    weather.unavailable, weather.reset, weather.truncate, weather.drop_answer = 0.10, 0.02, 0.02, 0.02
    weather.latency_s = 0.005
    with serve(proxy_to(s3_endpoint, weather)) as endpoint:
        for _ in range(4):  # until every kind of fault has come up
            code, said = ldp.run(*RUN, "--jobs", "2", AWS_ENDPOINT_URL=endpoint, LDP_CHECKPOINT_SECONDS="0")
            assert code == 0, said
            executions = list_executions(ldp.store)
            assert ldp.digests(executions[-1]) == expected
            assert "result_differs" not in said
            if len(weather.counts) == 6:
                break
            ldp.run(*RUN, "--skip-resume", AWS_ENDPOINT_URL=endpoint, LDP_CHECKPOINT_SECONDS="0")
    assert set(weather.counts) == {"requests", "fine", "unavailable", "reset", "truncate", "drop_answer"}
    record_property("figures", f"fault proxy: {dict(weather.counts)}")


def test_a_storage_outage_in_the_middle_is_waited_for(
    make_ldp: Callable[..., Ldp], s3_url: str, s3_endpoint: str, expected: dict[str, str]
) -> None:
    ldp = make_ldp(s3_url)
    weather = Weather()
    with serve(proxy_to(s3_endpoint, weather)) as endpoint:
        process = ldp.start(*RUN, "--jobs", "1", AWS_ENDPOINT_URL=endpoint, LDP_STORAGE_RETRIES="1")
        while not ldp.fits():
            assert process.poll() is None
            time.sleep(0.02)
        weather.unavailable = 1.0
        said = ""
        assert process.stderr is not None
        while "storage_away" not in said:
            said += process.stderr.readline()
        weather.unavailable = 0.0
        said += process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert "storage_back" in said
    assert ldp.digests() == expected
    assert len(ldp.fits()) == len(set(ldp.fits())), "finished work was thrown away"


def test_a_storage_that_stays_away_ends_the_run_with_the_remedy(
    make_ldp: Callable[..., Ldp], s3_url: str, s3_endpoint: str, expected: dict[str, str]
) -> None:
    ldp = make_ldp(s3_url)
    weather = Weather()
    with serve(proxy_to(s3_endpoint, weather)) as endpoint:
        settings = {"AWS_ENDPOINT_URL": endpoint, "LDP_STORAGE_RETRIES": "1", "LDP_STORAGE_GIVE_UP_SECONDS": "1"}
        process = ldp.start(*RUN, "--jobs", "1", **settings)
        while not ldp.fits():
            time.sleep(0.02)
        weather.unavailable = 1.0
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "the storage stayed away" in said
    assert "run the same command again" in said
    assert ldp.run(*RUN)[0] == 0
    assert ldp.digests() == expected


def test_two_attempts_side_by_side_harm_nothing(
    make_ldp: Callable[..., Ldp], s3_url: str, expected: dict[str, str]
) -> None:
    ldp = make_ldp(s3_url)
    both = [ldp.start(*RUN, "--jobs", "1") for _ in range(2)]
    said = [process.communicate(timeout=200)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert not any("result_differs" in text for text in said)
    assert ldp.digests() == expected


def test_eight_shards_that_start_at_once_agree_on_one_execution(
    make_ldp: Callable[..., Ldp], s3_url: str, expected: dict[str, str]
) -> None:
    ldp = make_ldp(s3_url)
    environments = [{"AWS_BATCH_JOB_ARRAY_INDEX": str(i), "AWS_BATCH_JOB_ARRAY_SIZE": "8"} for i in range(8)]
    metadata_off = {"AWS_EC2_METADATA_DISABLED": "true"}
    processes = [ldp.start(*RUN, "--jobs", "1", **one, **metadata_off) for one in environments]
    said = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, said
    assert ldp.digests() == expected
    assert len(ldp.fits()) == len(set(ldp.fits())), "a fit was made twice"
    assert all("shard" in text for text in said)
    complete = json.loads(ldp.run("experiment", "status", "--json")[1])
    assert complete["complete"]
    assert complete["attempts"]["attempts"] == sum("unit_finished" in text for text in said)


def test_a_spot_notice_ends_the_run_with_143_and_loses_no_fit(make_ldp: Callable[..., Ldp], s3_url: str) -> None:
    ldp = make_ldp(s3_url, spec=TINY.replace("[1, 2]", str(list(range(1, 61)))))
    service = MetadataService()
    with serve(service.handler()) as endpoint:
        process = ldp.start(*RUN, "--jobs", "1", AWS_EC2_METADATA_SERVICE_ENDPOINT=endpoint)
        while len(ldp.fits()) < 2:
            time.sleep(0.01)
        service.content["spot/instance-action"] = '{"action": "terminate", "time": "2026-11-24T08:22:00Z"}'
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 143, said
    assert "Spot notice: terminate at 2026-11-24T08:22:00Z" in said
    assert ldp.run(*RUN)[0] == 0
    assert len(ldp.digests()) == 60 * 6
    assert len(ldp.fits()) == len(set(ldp.fits())), "a finished fit was lost"


@pytest.fixture
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={getattr(request, 'param', '4m')}", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a test mount a small file system (needs root)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_is_waited_for(
    make_ldp: Callable[..., Ldp], small_disk: Path, expected: dict[str, str]
) -> None:
    ldp = make_ldp(str(small_disk))
    process = ldp.start(*RUN, "--jobs", "1")
    while not ldp.fits():
        assert process.poll() is None
        time.sleep(0.01)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    assert process.stderr is not None
    said = ""
    while "storage_away" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    filler.unlink()
    said += process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert "storage_back" in said
    assert ldp.digests() == expected


def test_a_disk_that_turns_read_only_ends_the_run_at_once_and_the_next_run_goes_on(
    make_ldp: Callable[..., Ldp], small_disk: Path, expected: dict[str, str]
) -> None:
    ldp = make_ldp(str(small_disk))
    process = ldp.start(*RUN, "--jobs", "1")
    while not ldp.fits():
        assert process.poll() is None
        time.sleep(0.01)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    said = process.communicate(timeout=120)[1]  # far from the ten minutes of patience with a storage that is away
    assert process.returncode == 1, said
    assert "storage_away" not in said
    assert "The file system is read-only" in said
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert ldp.run(*RUN)[0] == 0
    assert ldp.digests() == expected


@pytest.mark.parametrize("refusal", [("AccessDenied", 403), ("NoSuchBucket", 404), ("ExpiredToken", 400)])
def test_what_is_refused_in_the_middle_of_a_run_ends_it_at_once_and_the_next_run_goes_on(
    refusal: tuple[str, int], make_ldp: Callable[..., Ldp], s3_url: str, s3_endpoint: str, expected: dict[str, str]
) -> None:
    ldp = make_ldp(s3_url)
    weather = Weather()
    with serve(proxy_to(s3_endpoint, weather)) as endpoint:
        process = ldp.start(*RUN, "--jobs", "1", AWS_ENDPOINT_URL=endpoint)
        while not ldp.fits():
            assert process.poll() is None
            time.sleep(0.01)
        weather.refusal = refusal
        said = process.communicate(timeout=120)[1]
    assert process.returncode == 1, said
    assert "storage_away" not in said
    assert refusal[0] in said
    assert ldp.run(*RUN)[0] == 0
    assert ldp.digests() == expected


def test_a_second_signal_ends_the_run_at_once(make_ldp: Callable[..., Ldp], s3_url: str, s3_endpoint: str) -> None:
    ldp = make_ldp(s3_url)
    weather = Weather()
    with serve(proxy_to(s3_endpoint, weather)) as endpoint:
        process = ldp.start(*RUN, "--jobs", "1", AWS_ENDPOINT_URL=endpoint)
        while not ldp.fits():
            time.sleep(0.01)
        weather.latency_s = 2.0  # so that the flush takes a while
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode in (130, 143)


def test_credentials_that_expire_are_fetched_again(
    make_ldp: Callable[..., Ldp], s3_url: str, tmp_path: Path, expected: dict[str, str]
) -> None:
    ldp = make_ldp(s3_url)
    asked: list[float] = []
    token = tmp_path / "token"
    token.write_text("a token")
    with serve(credentials_handler(1.0, asked)) as endpoint:
        code, said = ldp.run(
            *RUN,
            "--jobs",
            "1",
            AWS_ACCESS_KEY_ID="",
            AWS_SECRET_ACCESS_KEY="",
            AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{endpoint}/credentials",
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(token),
        )
    assert code == 0, said
    assert len(asked) > 2, "credentials that had expired were used again"
    assert ldp.digests() == expected


def test_trees_do_not_depend_on_the_processors_blas_kernels(make_ldp: Callable[..., Ldp], tmp_path: Path) -> None:
    """Linear models and the MLP may differ in the last bits between kernels, which is why the workers fix one set."""
    spec = TINY.replace('"smote", ', "") + "[models.random_forest.grid]\nmax_depth = 4\n"
    found = {}
    for kernels in ("Haswell", "Nehalem"):
        ldp = make_ldp(str(tmp_path / kernels), f"with-{kernels}", spec)
        assert ldp.run(*RUN, OPENBLAS_CORETYPE=kernels)[0] == 0
        found[kernels] = ldp.digests()
    trees = [unit for unit in found["Haswell"] if "/logistic_regression/" not in unit]
    assert len(trees) == 8
    assert {unit: found["Haswell"][unit] for unit in trees} == {unit: found["Nehalem"][unit] for unit in trees}


EVERY_MODEL = """
datasets = ["taiwan_credit"]
techniques = ["baseline"]
seeds = [1]
folds = 2
[models.logistic_regression.grid]
alpha = 1e-3
[models.random_forest.grid]
n_estimators = 10
[models.lightgbm.grid]
n_estimators = 10
[models.xgboost.grid]
n_estimators = 10
[models.mlp.grid]
hidden_layer_sizes = [[10]]
activation = "tanh"
"""
AVX_512 = "X86_V4 AVX512_ICL AVX512_SPR"
TWO_WAYS = "import numpy as np; print(np.exp(np.linspace(-5, 5, 100_000)).tobytes().hex())"


def test_no_model_depends_on_whether_the_processor_has_avx_512(make_ldp: Callable[..., Ldp], tmp_path: Path) -> None:
    """NumPy's own exp and log do; workers switch those loops off, whatever they are told, as the images do."""
    found = {}
    for name, variables in (
        ("as-it-is", {"NPY_DISABLE_CPU_FEATURES": "AVX512_SPR"}),
        # The workers' own switch taken out: on what a processor without AVX-512 has, then on what this one has.
        ("without", {"TEST_ALL_LOOPS": "1", "NPY_DISABLE_CPU_FEATURES": AVX_512}),
        ("with-all-loops", {"TEST_ALL_LOOPS": "1", "NPY_DISABLE_CPU_FEATURES": ""}),
    ):
        ldp = make_ldp(str(tmp_path / name / "store"), name, EVERY_MODEL)
        code, said = ldp.run(*RUN, **variables)
        assert code == 0, said
        found[name] = ldp.digests()
    assert len(found["as-it-is"]) == 5, "one unit of each model"
    assert found["as-it-is"] == found["without"]
    assert found["as-it-is"] == found["with-all-loops"], "a digest moves: the protocol's version has to rise"


def test_numpys_loops_are_two_ways_on_a_processor_with_avx_512() -> None:
    """Otherwise the test above compares a thing with itself."""
    if "avx512f" not in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        pytest.skip("this processor has no AVX-512")

    def exp(features: str) -> str:
        environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": features}
        return subprocess.run(
            [sys.executable, "-c", TWO_WAYS], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert exp("") != exp(AVX_512)


@pytest.mark.parametrize("small_disk", ["128k"], indirect=True)
def test_a_scratch_directory_smaller_than_its_limit_costs_time_and_nothing_else(
    make_ldp: Callable[..., Ldp], small_disk: Path, tmp_path: Path, expected: dict[str, str]
) -> None:
    ldp = make_ldp(str(tmp_path / "store"))
    code, said = ldp.run(*RUN, "--jobs", "2", LDP_SCRATCH_DIR=str(small_disk))
    assert code == 0, said
    assert "scratch_full" in said
    assert ldp.digests() == expected


@pytest.mark.parametrize("small_disk", ["16k"], indirect=True)
def test_a_scratch_directory_without_room_for_the_features_is_one_clear_error(
    make_ldp: Callable[..., Ldp], small_disk: Path, tmp_path: Path
) -> None:
    ldp = make_ldp(str(tmp_path / "store"))
    code, said = ldp.run(*RUN, "--jobs", "2", LDP_SCRATCH_DIR=str(small_disk))
    assert code == 1
    assert f"no room for the features of taiwan_credit in {small_disk}" in said
    assert "LDP_SCRATCH_DIR" in said
    assert "unit_failed" not in said


def test_one_result_whose_key_is_refused_fails_its_unit_and_no_other(
    make_ldp: Callable[..., Ldp], s3_url: str, s3_endpoint: str, expected: dict[str, str]
) -> None:
    ldp = make_ldp(s3_url)
    weather = Weather()
    weather.refused_key = "results/taiwan_credit/lightgbm/smote/seed_2.parquet"
    unit = "taiwan_credit/lightgbm/smote/seed_2"
    with serve(proxy_to(s3_endpoint, weather)) as endpoint:
        code, said = ldp.run(*RUN, "--jobs", "2", AWS_ENDPOINT_URL=endpoint)
        assert code == 1, said
        assert "AccessDenied" in said
        assert "storage_away" not in said
        others = {name: digest for name, digest in expected.items() if name != unit}
        assert ldp.digests() == others
        weather.refused_key = None
        assert ldp.run(*RUN)[0] == 0
        assert ldp.digests() == expected
        weather.refused_key = "results/taiwan_credit/lightgbm/smote/seed_2.parquet"
        code, said = ldp.run("analyze", "summary", AWS_ENDPOINT_URL=endpoint)
        assert code == 0, said
        assert "seed_2.parquet" in said
        assert "AccessDenied" in said
        code, said = ldp.run(*RUN, AWS_ENDPOINT_URL=endpoint)
        assert code == 1, "complete is what has been read back"
    assert ldp.digests() == expected


@pytest.mark.parametrize("kind", ["directory", "pipe", "link"])
def test_what_is_no_file_in_the_place_of_a_result_fails_its_unit_and_no_other(
    kind: str, make_ldp: Callable[..., Ldp], tmp_path: Path, expected: dict[str, str]
) -> None:
    ldp = make_ldp(str(tmp_path / "store"))
    assert ldp.run(*RUN, "--jobs", "2")[0] == 0
    (execution,) = list_executions(ldp.store)
    place = tmp_path / "store/executions" / execution / "results/taiwan_credit/lightgbm/smote/seed_2.parquet"
    place.unlink()
    {
        "directory": place.mkdir,
        "pipe": lambda: os.mkfifo(place),
        "link": lambda: place.symlink_to("nowhere"),
    }[kind]()
    code, said = ldp.run(*RUN, "--jobs", "1")
    assert code == 1, said
    assert "seed_2.parquet" in said
    assert "move it away" in said
    code, said = ldp.run("analyze", "summary")
    assert code == 0, said
    assert "seed_2.parquet" in said
    place.rmdir() if kind == "directory" else place.unlink()
    assert ldp.run(*RUN, "--jobs", "1")[0] == 0
    assert ldp.digests() == expected
