"""What all benchmarks share: the sides of a comparison run in turns, each in a process of its own.

A **case** compares **sides** (ours, another tool, the floor) on one piece of work. Every side runs once in each
**round**, one after another, so that a machine that is busy or warm is so for all of them; a ratio is taken within a
round and reported with its spread over the rounds. A **claim** is a figure, held against the limit that the project
sets itself, where it sets one.

CPU seconds are user and system time of the process and of all processes it waited for: what the work costs, also on a
machine that does something else besides. Wall seconds depend on that machine. The peak memory is that of the largest
process, or with ``tree`` of all processes together, sampled, shared pages counted once.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
SAMPLE_EVERY_S = 0.1
_FIGURES = ("cpu_s", "wall_s", "peak_mib")

# ── figures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Side:
    """One way to do the work.

    Attributes
    ----------
    name : str
    command : tuple of str
        A process. Where the last line that it prints is a JSON object, that is its answer; ``cpu_s``, ``wall_s`` (as
        :func:`timed` takes them) and ``peak_mib`` in it replace those of the whole process.
    note : str
        What it reads, does and writes, for the table.
    environment : dict of str to str
        Variables besides those of this process.
    tree : bool
        Whether the memory of all its processes is added up.
    """

    name: str
    command: tuple[str, ...]
    note: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    tree: bool = False


@dataclass(frozen=True)
class Measurement:
    """One run of a side: seconds, MiB, and what it answered."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """A figure over several rounds."""

    median: float
    min: float
    max: float


@dataclass(frozen=True)
class Claim:
    """A figure and the limit it is held against, where it has one.

    Attributes
    ----------
    what : str
    spread : Spread
    unit : str
        ``×``, ``s``, ``MiB``; empty for a count.
    at_most, at_least : float or None
        The median must not be beyond it.
    """

    what: str
    spread: Spread
    unit: str = "×"
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; None where there is none."""
        if self.at_most is None and self.at_least is None:
            return None
        above = self.at_least is None or self.spread.median >= self.at_least
        return above and (self.at_most is None or self.spread.median <= self.at_most)


@dataclass(frozen=True)
class Case:
    """One comparison: every side's measurements, round by round, and what follows from them."""

    name: str
    sides: tuple[Side, ...]
    runs: Mapping[str, Sequence[Measurement]]
    claims: tuple[Claim, ...] = ()
    checks: tuple[str, ...] = ()


def spread(values: Iterable[float]) -> Spread:
    """Return the median, the least and the greatest of at least one value."""
    values = sorted(values)
    return Spread(statistics.median(values), values[0], values[-1])


def ratio(runs: Mapping[str, Sequence[Measurement]], of: str, to: str, figure: str = "cpu_s") -> Spread:
    """Return how much more of `figure` one side takes than another, round by round."""
    pairs = zip(runs[of], runs[to], strict=True)
    return spread(getattr(one, figure) / getattr(other, figure) for one, other in pairs)


def figure(runs: Mapping[str, Sequence[Measurement]], side: str, name: str) -> Spread:
    """Return the spread of one side's figure: ``cpu_s``, ``wall_s`` or ``peak_mib``."""
    return spread(getattr(run, name) for run in runs[side])


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────────────────────


def measure(side: Side) -> Measurement:
    """Run a side once.

    Raises
    ------
    RuntimeError
        Where it fails, with the end of what it said.
    """
    environment = {**os.environ, **side.environment}
    # This process must stay small: a child's peak begins with that of the process it was forked from.
    start = time.perf_counter()
    with subprocess.Popen(
        side.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said: list[bytes] = []
        ended = threading.Event()
        peaks = [0.0]
        readers = [threading.Thread(target=lambda stream: said.append(stream.read()), args=(process.stderr,))]
        if side.tree:
            readers.append(threading.Thread(target=_watch, args=(process.pid, ended, peaks)))
        for reader in readers:
            reader.start()
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        for reader in readers:
            reader.join()
    if process.returncode:
        tail = b"".join(said).decode(errors="replace")[-2000:]
        raise RuntimeError(f"the side {side.name} ended with {process.returncode}:\n{tail}")
    answer = parse_answer(output.decode(errors="replace"))
    found = {"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall_s, "peak_mib": max(peak_mib(usage), *peaks)}
    return Measurement(**{what: float(answer.pop(what, found[what])) for what in _FIGURES}, answer=answer)


def peak_mib(usage: resource.struct_rusage) -> float:
    """Return the peak memory of the largest process that `usage` is about, in MiB."""
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def parse_answer(output: str) -> dict[str, Any]:
    """Return the JSON object on the last line of a side's output, or an empty one."""
    lines = output.strip().splitlines()
    with contextlib.suppress(ValueError):
        found = json.loads(lines[-1] if lines else "")
        if isinstance(found, dict):
            return found
    return {}


def compare(
    sides: Sequence[Side], rounds: int, say: Any = lambda text: print(text, file=sys.stderr)
) -> dict[str, list[Measurement]]:
    """Run every side once in each round, beginning with another one each time."""
    runs: dict[str, list[Measurement]] = {side.name: [] for side in sides}
    for number in range(rounds):
        turn = number % len(sides)
        for side in (*sides[turn:], *sides[:turn]):
            run = measure(side)
            runs[side.name].append(run)
            say(f"  round {number + 1}, {side.name}: {run.cpu_s:.2f} CPU s, {run.wall_s:.2f} s, {run.peak_mib:.0f} MiB")
    return runs


@contextlib.contextmanager
def timed(answer: dict[str, Any]) -> Iterator[None]:
    """In a side: put the CPU and wall seconds of the block into its answer, those of ended child processes included."""
    wall, cpu = time.perf_counter(), _cpu()
    yield
    answer["cpu_s"], answer["wall_s"] = _cpu() - cpu, time.perf_counter() - wall


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _watch(session: int, ended: threading.Event, peaks: list[float]) -> None:
    """Sample the memory of a session's processes (Linux): proportional set size, which counts shared pages once."""
    while not ended.wait(SAMPLE_EVERY_S):
        total = 0.0
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[3]) == session:
                    lines = (entry / "smaps_rollup").read_text().splitlines()
                    total += sum(float(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
        peaks[0] = max(peaks[0], total)


# ── reporting ───────────────────────────────────────────────────────────────────────────────────────────────────────


def circumstances(command: str, packages: Iterable[str]) -> dict[str, Any]:
    """Return under what circumstances a benchmark runs, by the packages that matter; nothing that names the machine."""
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in packages},
    }


def as_json(name: str, about: Mapping[str, Any], cases: Sequence[Case]) -> dict[str, Any]:
    """Return a benchmark's results as plain JSON values."""
    return {
        "benchmark": name,
        **about,
        "cases": [
            {
                "case": case.name,
                "sides": [
                    {
                        "side": side.name,
                        "note": side.note,
                        "rounds": len(case.runs[side.name]),
                        **{what: _rounded(figure(case.runs, side.name, what)) for what in _FIGURES},
                    }
                    for side in case.sides
                ],
                "claims": [
                    {**asdict(claim), "spread": _rounded(claim.spread), "met": claim.met} for claim in case.claims
                ],
                "checks": list(case.checks),
            }
            for case in cases
        ],
    }


def _rounded(value: Spread) -> dict[str, float]:
    return {name: float(f"{number:.4g}") for name, number in asdict(value).items()}


_HOW_TO_READ = (
    "Medians over the rounds, [least – greatest]. CPU seconds are what the work costs; wall seconds depend on what "
    "else the machine does."
)


def as_markdown(name: str, about: Mapping[str, Any], cases: Sequence[Case]) -> str:
    """Return a benchmark's results as a Markdown page; figures are medians, with least and greatest in brackets."""
    versions = ", ".join(f"{package} {version}" for package, version in about["versions"].items())
    where = f"{about['cores']} cores, {about['platform']}, load {about['load']} at the beginning"
    how = f"`{about['command']}`, {about['date']}; {where}; Python {about['python']}, {versions}."
    lines = [f"# {name}", "", how, "", _HOW_TO_READ]
    for case in cases:
        lines += [
            "",
            f"## {case.name}",
            "",
            "| side | CPU s | wall s | peak MiB | rounds | |",
            "|---|---|---|---|---|---|",
        ]
        for side in case.sides:
            figures = " | ".join(_cell(figure(case.runs, side.name, what)) for what in _FIGURES)
            lines.append(f"| {side.name} | {figures} | {len(case.runs[side.name])} | {side.note} |")
        if case.claims:
            lines += ["", "| figure | | limit | |", "|---|---|---|---|"]
            lines += [_claim_row(claim) for claim in case.claims]
        if case.checks:
            lines += ["", *(f"- {check}" for check in case.checks)]
    return "\n".join(lines) + "\n"


def _claim_row(claim: Claim) -> str:
    limits = [("≤", claim.at_most), ("≥", claim.at_least)]
    limit = ", ".join(f"{sign} {_number(value)} {claim.unit}".rstrip() for sign, value in limits if value is not None)
    verdict = {True: "met", False: "**not met**", None: ""}[claim.met]
    return f"| {claim.what} | {_cell(claim.spread)} {claim.unit} | {limit} | {verdict} |"


def _cell(value: Spread) -> str:
    if value.min == value.max:
        return _number(value.median)
    return f"{_number(value.median)} [{_number(value.min)} – {_number(value.max)}]"


def _number(value: float) -> str:
    """Return at least three significant digits; of what is whole, no decimals."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def publish(name: str, about: Mapping[str, Any], cases: Sequence[Case], folder: Path = RESULTS) -> int:
    """Write a benchmark's results as ``{name}.json`` and ``{name}.md``, print the page; return 1 for a missed limit.

    Parameters
    ----------
    about : dict
        From :func:`circumstances`, taken before anything ran.
    """
    found = as_json(name, about, cases)
    page = as_markdown(name, about, cases)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    (folder / f"{name}.md").write_text(page, "utf-8")
    print(page)
    return int(any(claim.met is False for case in cases for claim in case.claims))
