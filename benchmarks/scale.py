"""How planning, resuming, verifying, summarising and statistics grow with the number of finished units.

    python -m benchmarks scale [--units N ...] [--rounds N]

Executions of 1,000 and of 10,000 units, all finished, on local files and on an S3 API server on loopback (moto, in a
process of its own whose CPU time is not counted). Each result has the 9,000 test rows of the Taiwan data and the record
of a search of 24 candidates on 5 folds. Every side is a process and pays for its start.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Case, Claim, Measurement, Side, circumstances, compare, figure, publish, spread

UNITS = (1_000, 10_000)
PACKAGES = ("moto", "numpy", "obstore", "pyarrow")
UNITS_A_SEED, TEST_ROWS, SAMPLE_ROWS = 20, 9_000, 30_000
LDP = (sys.executable, "-c", "from job.cli import run; run()")
ME = (sys.executable, "-m", "benchmarks.scale")
SPEC = """
name = "scale"
datasets = ["taiwan_credit"]
techniques = ["baseline", "random_under_sampling", "smote", "threshold_moving"]
seeds = {seeds}
[models.logistic_regression.grid]
alpha = {alphas}
[models.random_forest.grid]
max_depth = {depths}
[models.lightgbm.grid]
num_leaves = {depths}
[models.xgboost.grid]
max_depth = {depths}
[models.mlp.grid]
alpha = {alphas}
"""
CANDIDATES = 24
S3 = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
BUCKET = "scale"


def write_spec(place: Path, units: int) -> Path:
    path = place / f"scale-{units}.toml"
    depths = list(range(2, 2 + CANDIDATES))
    seeds, alphas = list(range(1, units // UNITS_A_SEED + 1)), [depth / 1e4 for depth in depths]
    path.write_text(SPEC.format(seeds=seeds, depths=depths, alphas=alphas), "utf-8")
    return path


def fill(folder: Path, spec_file: Path) -> None:
    """In a process of its own: make a finished execution in a directory."""
    import numpy as np

    from job.console import Console
    from job.data.datasets.samples import write_sample
    from job.data.processed import describe_processed
    from job.data.processing import process
    from job.executions.provenance import provenance
    from job.executions.resolve import resolve
    from job.executions.results import encode
    from job.metrics import all_metrics
    from job.planning.spec import read_spec
    from job.store import Store
    from job.training.candidates import candidates
    from job.training.unit import UnitResult

    store, spec = Store.open(str(folder)), read_spec(str(spec_file))
    write_sample(store, "taiwan_credit", rows=SAMPLE_ROWS, seed=1)
    process(store, "taiwan_credit", Console.silent())
    info = describe_processed(store, "taiwan_credit")
    assert info is not None
    execution = resolve(
        store, spec, "cpu", {"taiwan_credit": info}, execution_id=None, skip_resume=False, console=Console.silent()
    )
    rng = np.random.default_rng(1)
    rows = np.sort(rng.choice(SAMPLE_ROWS, TEST_ROWS, replace=False)).astype(np.int32)
    target = (rng.random(TEST_ROWS) < 0.22).astype(np.int8)
    score = np.clip(0.6 * rng.random(TEST_ROWS) + 0.25 * target, 0, 1)
    decision = (score > 0.5).astype(np.int8)
    metrics = all_metrics(target, score, decision)
    for unit in spec.units():
        points = tuple(candidates(spec.grid(unit)))
        result = UnitResult(
            unit, "done", None, rows, target, score, decision, points, rng.random((CANDIDATES, 5)), 3, None,
            metrics=metrics, cpu_seconds=12.5, shared_cpu_seconds=2.5,
        )  # fmt: skip
        made_from = provenance(execution.identity, unit, info.fingerprint)
        path = store.local_path(execution.result_key(unit))
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(result, made_from, {"host": "a host", "attempt": "1"}))


def resume(spec_file: Path) -> None:
    """In a side: all that resuming does before anything runs, as the runner does it."""
    from job.cli.context import open_context
    from job.console import Console
    from job.data.processed import describe_processed
    from job.executions import checkpoints
    from job.executions.executions import present_results
    from job.executions.resolve import resolve
    from job.planning.plan import plan
    from job.planning.spec import read_spec

    context, spec = open_context(), read_spec(str(spec_file))
    planned = plan(context.store, spec)
    info = describe_processed(context.store, "taiwan_credit")
    assert info is not None
    execution = resolve(
        context.store, spec, "cpu", {"taiwan_credit": info}, execution_id=None, skip_resume=False,
        console=Console.silent(),
    )  # fmt: skip
    present = present_results(context.store, execution)
    before = tuple(unit for unit in planned.units if unit in present)
    checkpoints.tidy(context.store, execution, before)
    assert len(before) == len(planned.units)


def serve(folder: Path, address: Path) -> None:
    """In a process of its own: an S3 API server that holds a directory's files, put into it without HTTP."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3.models import s3_backends
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_: object) -> None:
            """Say nothing of each request."""

    backend = s3_backends["123456789012"]["aws"]
    backend.create_bucket(BUCKET, "us-east-1")
    for path in folder.rglob("*"):
        if path.is_file():
            backend.put_object(BUCKET, str(path.relative_to(folder)), path.read_bytes())
    server = make_server(
        "127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True, request_handler=Quiet
    )
    address.with_suffix(".new").write_text(f"http://127.0.0.1:{server.server_port}")
    address.with_suffix(".new").rename(address)
    server.serve_forever()


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[dict[str, str]]:
    """Serve a directory as a bucket, and yield the variables that reach it."""
    import time

    address = folder.with_suffix(".address")
    with subprocess.Popen([*ME, "--serve", str(folder), str(address)], stderr=subprocess.DEVNULL) as server:
        try:
            while not address.is_file():
                assert server.poll() is None, "the S3 server did not start"
                time.sleep(0.1)
            yield {**S3, "AWS_ENDPOINT_URL": address.read_text(), "LDP_STORAGE_URL": f"s3://{BUCKET}"}
        finally:
            server.terminate()


def sides(environment: dict[str, str], spec_file: Path) -> tuple[Side, ...]:
    return (
        Side("plan", (*LDP, "experiment", "plan", "--spec", str(spec_file)), "`ldp experiment plan`", environment),
        Side(
            "plan and resume", (*ME, "--resume", str(spec_file)),
            "plan, find the execution, bind the data, list results and checkpoints", environment,
        ),
        Side(
            "summarise", (*LDP, "analyze", "summary", "--json"),
            "`ldp analyze summary`: read and verify every result, compare", environment,
        ),
        Side(
            "figures", (*LDP, "analyze", "units", "--json"),
            "`ldp analyze units`: every unit's figures from its predictions, no bootstrap", environment,
        ),
        Side(
            "differences", (*LDP, "analyze", "differences", "--json"),
            "`ldp analyze differences`: every pair of combinations over all seeds", environment,
        ),
        Side(
            "resume and verify", (*LDP, "experiment", "run", "--spec", str(spec_file)),
            "`ldp experiment run` on the finished execution", environment,
        ),
    )  # fmt: skip


Runs = dict[str, list[Measurement]]


def claims(units: tuple[int, ...], smaller: Runs, larger: Runs, limits: bool) -> tuple[Claim, ...]:
    """Return the costs of the larger execution, and by how much they exceed those of the smaller one."""
    found = [
        Claim(
            "CPU of plan and resume", figure(larger, "plan and resume", "cpu_s"), "s", at_most=2.0 if limits else None
        ),
        Claim(
            "peak memory of figures", figure(larger, "figures", "peak_mib"), "MiB", at_most=2048.0 if limits else None
        ),
        Claim("CPU of summarise", figure(larger, "summarise", "cpu_s"), "s", at_most=15.0 if limits else None),
    ]
    for name in larger:
        pairs = zip(larger[name], smaller[name], strict=True)
        growth = spread(many.cpu_s / few.cpu_s for many, few in pairs)
        what = f"CPU of {name}: {units[1]:,} units / {units[0]:,} units"
        found.append(Claim(what, growth, at_most=1.05 * units[1] / units[0]))
    return tuple(found)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale")
    parser.add_argument("--units", type=int, nargs=2, default=UNITS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fill", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--resume", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fill:
        fill(*options.fill)
    elif options.serve:
        serve(*options.serve)
    elif options.resume:
        resume(options.resume)
    else:
        return benchmark(tuple(options.units), options.rounds)
    return 0


def benchmark(units: tuple[int, ...], rounds: int) -> int:
    shown = "" if units == UNITS else f" --units {' '.join(map(str, units))}"
    about = circumstances(f"python -m benchmarks scale{shown} --rounds {rounds}", PACKAGES)
    cases = []
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for count in units:
            subprocess.run([*ME, "--fill", str(place / str(count)), str(write_spec(place, count))], check=True)
        for kind in ("local files", "S3"):
            found: list[Runs] = []
            for count in units:
                name = f"{count:,} units on {kind}"
                print(name, file=sys.stderr)
                folder, spec_file = place / str(count), place / f"scale-{count}.toml"
                local = {"LDP_STORAGE_URL": str(folder)}
                reached = s3_server(folder) if kind == "S3" else contextlib.nullcontext(local)
                with reached as environment:
                    compared = sides(environment, spec_file)
                    found.append(compare(compared, rounds))
                larger = len(found) == 2
                made = claims(units, found[0], found[1], kind != "S3" and units == UNITS) if larger else ()
                cases.append(Case(name, compared, found[-1], made))
    return publish("scale", about, cases)


if __name__ == "__main__":
    sys.exit(main())
