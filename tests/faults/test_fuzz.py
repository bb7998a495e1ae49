"""Whatever lies in a bucket or a folder, in a spec or in the environment: no command takes it for a fault of its own.

Every example spoils one object, name, value or variable of a small platform and runs one command that reads it. It has
to end with an exit code that is documented, in time, with nothing that steers a terminal in what it says. They are
2,000 in all.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.faults.fuzz import FUZZ, Platform, assert_sound, build, copied, ldp
from tests.faults.fuzz.spoil import LONG, ODD_TEXTS, spoilt

FEW = settings(
    max_examples=40,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
OF_EACH_OBJECT = settings(FEW, max_examples=145)
EXAMPLES = settings(FEW, max_examples=100)

PROCESS = ("data", "process", "taiwan_credit")
RUN = ("experiment", "run", "--spec", FUZZ)
LOOK = (
    ("experiment", "list"),
    ("experiment", "list", "--json"),
    ("experiment", "status"),
    ("experiment", "status", "ID", "--json"),
    ("analyze", "summary"),
    ("analyze", "summary", "ID", "--json"),
)
PLAN = (("experiment", "plan", "--spec", FUZZ), ("experiment", "plan", "--spec", FUZZ, "--json"), ("data", "list"))
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "manifest": (*LOOK, RUN, (*RUN, "--execution-id", "ID")),
    "binding": (*LOOK, RUN),
    "result": (*LOOK[2:], RUN),
    "checkpoint": (RUN, RUN, LOOK[2]),
    "attempt": (*LOOK[:4], RUN),
    "failure": (*LOOK[:4], RUN),
    "features": (*PLAN, RUN, PROCESS),
    "target": (*PLAN, RUN, PROCESS),
    "raw": (PROCESS, (*PROCESS, "--force"), PLAN[2]),
    "note": ((*PROCESS, "--force"), PLAN[2]),
    "spec": (*PLAN[:2], RUN, ("experiment", "status", "--spec", FUZZ)),
}
FORMATS = st.sampled_from(["text", "json"])


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    return build(tmp_path_factory.mktemp("platform"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoilt") / "copy"


@pytest.mark.parametrize("kind", COMMANDS)
@OF_EACH_OBJECT
@given(choice=st.data(), log=FORMATS)
def test_whatever_an_object_holds(kind: str, choice: Any, log: str, platform: Platform, place: Path) -> None:
    with copied(platform, place) as root:
        path = root / platform.keys[kind]
        content = choice.draw(spoilt(kind, path.read_bytes()))
        path.unlink()
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)
        arguments = choice.draw(st.sampled_from(COMMANDS[kind]))
        arguments = tuple(platform.execution if one == "ID" else one for one in arguments)
        assert_sound(arguments, ldp(root, *arguments, LDP_LOG_FORMAT=log))


NAMES = [
    b"x copy", b"\xff\xfe", b"a\xe9b", b"\x1b[31m", b"a\nb", b"a\tb", b"-n", b"--help", b"...", b"a%2Fb", b"a\\b",
    b"a" * 200,
    b"[bold]", b"[/x]", "\u202eabc".encode(), "\u0663".encode(), b"CON", b"a#1", b"a*", b"{}", b"STEM2 copy",
    b"STEM-1", b"STEM",
    b"STEM" + b"9" * 100, b"STEM007", "STEM\u0663".encode(), "STEM\u00b2".encode(), b"STEM999999999",
    b"STEM9999999999",
]  # fmt: skip


@EXAMPLES
@given(
    name=st.sampled_from(NAMES),
    what=st.sampled_from(["copy", "empty", "file", "other", "manifest", "link"]),
    where=st.sampled_from(["", "", "failures", "progress", "attempts", "datasets", "results"]),
    arguments=st.sampled_from([*LOOK, RUN]),
    log=FORMATS,
)
def test_whatever_is_called_whatever(
    name: bytes, what: str, where: str, arguments: tuple[str, ...], log: str, platform: Platform, place: Path
) -> None:
    with copied(platform, place) as root:
        mine = root / "executions" / platform.execution
        called = os.fsdecode(name.replace(b"STEM", platform.execution[:-1].encode()))
        path = (mine / where if where else mine.parent) / called
        path.parent.mkdir(parents=True, exist_ok=True)
        if what == "copy" and not where:
            shutil.copytree(mine, path)
        elif what in {"copy", "file"}:
            path.write_bytes(b"{}")
        elif what == "link":
            path.symlink_to(path)
        else:
            path.mkdir(parents=True)
            if what != "empty":
                (path / ("manifest.json" if what == "manifest" else path.name)).write_bytes(b"{}")
        arguments = tuple(platform.execution if one == "ID" else one for one in arguments)
        assert_sound(arguments, ldp(root, *arguments, LDP_LOG_FORMAT=log))


@EXAMPLES
@given(
    name=st.sampled_from([os.fsdecode(one) for one in NAMES]) | st.sampled_from(ODD_TEXTS),
    log=FORMATS,
    choice=st.data(),
)
def test_whatever_is_asked_for(name: str, log: str, choice: Any, platform: Platform) -> None:
    arguments = choice.draw(
        st.sampled_from(
            [
                ("experiment", "status", "--", name),
                ("analyze", "summary", "--", name),
                ("experiment", "status", f"--spec={name}"),
                ("experiment", "plan", f"--spec={name}"),
                ("experiment", "plan", f"--only-dataset={name}"),
                ("experiment", "run", f"--execution-id={name}"),
                ("experiment", "run", f"--shard={name}"),
                ("analyze", "summary", f"--sort={name}"),
                ("data", "process", "--", name),
            ]
        )
    )
    if not name.startswith("\ud800"):  # no argument can be that
        assert_sound(arguments, ldp(platform.root, *arguments, LDP_LOG_FORMAT=log))


SPEC_VALUES = [
    "nan", "-inf", "1e999", LONG, "0x" + "f" * 6000, "[]", "[[]]", "{}", "true", "''", '"\\u001b[31m"', "'[/x]'",
    "1979-05-27",
    "07:32:00", "[1, 'a', {}]", "[[[[1]]]]", "-1", "0", "2.5", "[1, 1]", "'none'", "'taiwan_credit'",
    "['taiwan_credit']",
    "[" * 3000 + "]" * 3000, "{a = " * 900 + "1" + "}" * 900, '"' + "x" * 5000 + '"', "[" + "1, " * 2000 + "]",
]  # fmt: skip
SPEC_KEYS = [
    "name", "description", "datasets", "techniques", "seeds", "folds", "test_share", "scoring", "models",
    "models.mlp",
    "models.mlp.grid.alpha", "models.mlp.grid", "models.xgboost.techniques", "models.lightgbm.grid.num_leaves",
    "models.random_forest.grid.max_features", "models.mlp.grid.hidden_layer_sizes", '"\\u001b[31m"', "'[/x]'",
    "x.y.z",
]  # fmt: skip


@EXAMPLES
@given(
    key=st.sampled_from(SPEC_KEYS),
    value=st.sampled_from(SPEC_VALUES),
    arguments=st.sampled_from(COMMANDS["spec"]),
    log=FORMATS,
)
def test_whatever_a_spec_says(
    key: str, value: str, arguments: tuple[str, ...], log: str, platform: Platform, place: Path
) -> None:
    with copied(platform, place) as root:
        path = root / FUZZ
        kept = [line for line in path.read_text().splitlines() if not line.startswith(f"{key} =")]
        path.write_text("\n".join([f"{key} = {value}", *kept]))
        assert_sound(arguments, ldp(root, *arguments, LDP_LOG_FORMAT=log))


VARIABLES = [
    "LDP_STORAGE_URL", "LDP_N_JOBS", "LDP_USE_GPU", "LDP_SCRATCH_DIR", "LDP_SCRATCH_MIB", "LDP_CHECKPOINT_SECONDS",
    "LDP_STORAGE_RETRIES", "LDP_STORAGE_GIVE_UP_SECONDS", "LDP_SHARD", "LDP_LOG_FORMAT", "LDP_PLATFORM", "LDP_OTHER",
    "AWS_BATCH_JOB_ID", "AWS_BATCH_JOB_ATTEMPT", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "COLUMNS",
    "LINES",
    "TERM", "NO_COLOR", "TMPDIR", "HOME", "LANG", "PYTHONSAFEPATH", "PYTHONPATH", "PYTHONOPTIMIZE",
]  # fmt: skip
VALUES = [
    "", " ", "0", "-1", "1", "x", "1/2", "0/0", "nan", "inf", "1e999", LONG, "\u00b2", "\u0663", "\x1b[31mred",
    "[/x]", "a\nb",
    "\udcff", "/dev/null", "/nonexistent/a/b", "/proc/self/nothing", "~nobody-at-all/x", "file://", "memory://",
    "s3://", "../..",
    "http://user:secret@127.0.0.1:9", "http://127.0.0.1:9", "http://[::1", "x" * 5000, "true", "json", "auto",
]  # fmt: skip


@EXAMPLES
@given(
    name=st.sampled_from(VARIABLES),
    value=st.sampled_from(VALUES),
    arguments=st.sampled_from([LOOK[0], LOOK[2], LOOK[4], PLAN[0], PLAN[2], RUN]),
)
def test_whatever_a_variable_says(
    name: str, value: str, arguments: tuple[str, ...], platform: Platform, place: Path
) -> None:
    others = {"AWS_EC2_METADATA_DISABLED": "true"} if name.startswith("AWS_BATCH") else {}
    others |= {"AWS_BATCH_JOB_ARRAY_SIZE": "3"} if name.endswith("INDEX") else {}
    with copied(platform, place) as root:
        answer = ldp(root, *arguments, **others, **{name: value})
    assert_sound(arguments, answer)
    assert "secret" not in answer[1]


AWS_VARIABLES = [
    "LDP_STORAGE_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "AWS_PROFILE", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "AWS_ALLOW_HTTP", "AWS_CHECKSUM_ALGORITHM", "AWS_UNSIGNED_PAYLOAD",
    "AWS_S3_EXPRESS",
    "AWS_CONDITIONAL_PUT", "AWS_COPY_IF_NOT_EXISTS", "AWS_SKIP_SIGNATURE", "AWS_METADATA_ENDPOINT",
    "AWS_REQUEST_PAYER",
    "AWS_SERVER_SIDE_ENCRYPTION", "AWS_SSE_KMS_KEY_ID", "AWS_DISABLE_TAGGING", "AWS_IMDSV1_FALLBACK", "AWS_BUCKET",
    "AWS_PROXY_URL", "AWS_TIMEOUT", "AWS_CONNECT_TIMEOUT", "AWS_USER_AGENT", "AWS_DEFAULT_CONTENT_TYPE",
    "AWS_NONSENSE",
]  # fmt: skip


@FEW
@given(
    name=st.sampled_from(AWS_VARIABLES),
    value=st.sampled_from([one for one in VALUES if not one.startswith(("/proc", ".."))]),
    arguments=st.sampled_from([LOOK[0], PLAN[2]]),
)
def test_whatever_aws_s_variables_say(name: str, value: str, arguments: tuple[str, ...], platform: Platform) -> None:
    usual = {
        "LDP_STORAGE_URL": "s3://bucket/prefix", "LDP_STORAGE_RETRIES": "0", "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "us-east-1", "HOME": str(platform.root),
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    answer = ldp(platform.root, *arguments, **{**usual, name: value})
    assert_sound(arguments, answer)
    assert "secret" not in answer[1]
