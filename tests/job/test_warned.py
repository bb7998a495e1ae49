"""What libraries warn of is said in the log: once, whole records, and nothing that is not so."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from sklearn.utils.parallel import Parallel, delayed

from job.console import Console
from job.warned import LONGEST, MOST, hear_warnings

pytestmark = pytest.mark.filterwarnings("always")


def heard() -> list[str]:
    """Hear warnings from now on, until the test ends; return where they will stand."""
    said: list[str] = []
    hear_warnings(said.append)
    return said


def test_a_warning_is_said_once_with_where_it_comes_from() -> None:
    said = heard()
    for _ in range(3):
        warnings.warn("the matrix is singular", RuntimeWarning, stacklevel=1)
    (text,) = said
    assert text.startswith("RuntimeWarning: the matrix is singular (test_warned.py, line ")
    assert os.sep not in text, "where this machine keeps its libraries is nobody's business"


def test_threads_that_warn_of_the_same_at_once_are_heard_once() -> None:
    said = heard()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: warnings.warn("overflow", stacklevel=1), range(200)))
    assert len(said) == 1


def test_a_library_that_warns_of_every_row_does_not_fill_the_log() -> None:
    said = heard()
    for row in range(1000):
        warnings.warn(f"row {row} " + "x" * 10_000, stacklevel=1)
    assert len(said) == MOST
    assert max(map(len, said)) < LONGEST + 100


@pytest.mark.parametrize("category", [DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning])
def test_what_python_hides_stays_hidden_whatever_became_of_its_filters(category: type[Warning]) -> None:
    said = heard()
    warnings.resetwarnings()
    warnings.warn("old", category, stacklevel=1)
    assert said == []


def test_what_scikit_learn_says_of_its_own_crossing_threads_is_not_said() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.resetwarnings()  # as two threads that grow trees can leave it
        Parallel(n_jobs=1)(delayed(abs)(number) for number in (1, 2))
    assert any("sklearn.utils.parallel" in str(one.message) for one in shown), "scikit-learn still says it"
    said = heard()
    warnings.resetwarnings()
    Parallel(n_jobs=1)(delayed(abs)(number) for number in (1, 2))
    assert said == []


def test_a_warning_of_several_lines_is_one_record() -> None:
    stream = io.StringIO()
    console = Console(stream, "json")
    hear_warnings(lambda text: console.warning("library_warning", text))
    warnings.warn("one\ntwo", stacklevel=1)
    (line,) = stream.getvalue().splitlines()
    record = json.loads(line)
    assert (record["level"], record["event"]) == ("warning", "library_warning")
    assert "one\ntwo" in record["message"]


def test_a_command_whose_library_warns_writes_nothing_but_records(tmp_path: object) -> None:
    program = (
        "import sys, warnings\n"
        "from job.cli import context\n"
        "context.open_context()\n"
        "warnings.warn('the file ends early')\n"
    )
    environment = {**os.environ, "LDP_STORAGE_URL": f"file://{tmp_path}", "LDP_LOG_FORMAT": "json"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["message"].startswith("UserWarning: the file ends early")
