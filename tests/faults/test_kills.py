"""25 kills at random moments of a real run, on real data, against a real S3 API server over HTTP; then 25 SIGTERMs."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from job.console import Console
from job.data.processing import process
from job.executions.executions import list_executions
from job.store import Store
from tests.faults.conftest import Ldp
from tests.specs import STOPPABLE

KILLS = 25
RUN = ("experiment", "run", "--spec", "tiny.toml", "--jobs", "2")


@pytest.fixture(scope="session")
def taiwan_files(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    store = Store.open(str(tmp_path_factory.mktemp("taiwan")))
    store.put("data/raw/taiwan_credit.csv", (real_data / "taiwan_credit.csv").read_bytes())
    process(store, "taiwan_credit", Console.silent())
    return {info.key: store.get(info.key) or b"" for info in store.objects("data/processed/")}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_real_run_survives_being_stopped_at_random_moments(
    how: signal.Signals,
    make_ldp: Callable[..., Ldp],
    s3_url: str,
    tmp_path: Path,
    taiwan_files: dict[str, bytes],
    record_property: Callable[[str, object], None],
) -> None:
    calm = make_ldp(str(tmp_path / "calm-store"), "calm-taiwan", STOPPABLE, taiwan_files)
    assert calm.run(*RUN)[0] == 0
    expected = calm.digests()
    fits = len(calm.fits())
    assert fits == len(set(calm.fits())) == 3 * 4 * (3 + 4) * 3

    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    ldp = make_ldp(s3_url, "stormy", STOPPABLE, taiwan_files)
    made = redone = stopped = 0
    exits: list[float] = []
    extra: tuple[str, ...] = ()
    while stopped < KILLS:
        running = ldp.start(*RUN, *extra, LDP_CHECKPOINT_SECONDS="1")
        extra = ()
        time.sleep(rng.uniform(0.2, 6.0))
        if running.poll() is None:
            stopped += 1
            running.send_signal(how)
            asked = time.monotonic()
            said = running.communicate(timeout=60)[1]
            exits.append(time.monotonic() - asked)
        if running.poll() == 0:  # complete before its time: check it, and go on with the next execution
            running.communicate()
            check(ldp, expected, seed)
            redone += len(ldp.fits()) - len(set(ldp.fits()))
            made += len(ldp.fits())
            # There is none where the next execution was stopped before it began: then the complete one was resumed.
            (ldp.directory / "fits").unlink(missing_ok=True)
            extra = ("--skip-resume",)
        elif how == signal.SIGTERM:
            # Before its first line Python is still loading, and the signal's own action ends it: 143 to a shell too.
            assert running.returncode == (143 if said else -signal.SIGTERM), said
    code, said = ldp.run(*RUN)
    assert code == 0, said
    check(ldp, expected, seed)
    redone += len(ldp.fits()) - len(set(ldp.fits()))
    made += len(ldp.fits())
    if how == signal.SIGTERM:
        assert redone == 0, f"seed {seed}: a stop in good order lost finished fits"
    record_property(
        "figures",
        f"{stopped} × {how.name} (seed {seed}): {made} fits, {redone} of them made again "
        f"({redone / stopped:.1f} per stop); seconds to exit: at most {max(exits):.2f}",
    )


def check(ldp: Ldp, expected: dict[str, str], seed: int) -> None:
    latest = max(list_executions(ldp.store), key=lambda name: int(name.rsplit("-", 1)[1]))
    assert ldp.digests(latest) == expected, f"seed {seed}"
