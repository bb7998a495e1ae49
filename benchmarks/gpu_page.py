"""What the benchmark `gpu` found, as a page: seconds of a piece of work, dollars for a thousand, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from job.machines import MACHINES, PRICES_AS_OF, PRICES_OF, Machine

GPU_FAMILIES = ("g4dn", "g5", "g6")
CPU_FAMILIES = ("m5", "c5")
CARDS = {"g4dn": "T4", "g5": "A10G", "g6": "L4"}
PIECES = 1000

Answer = Mapping[str, Any]


def machines_of(families: Sequence[str], vcpus: int, gpus: int) -> list[Machine]:
    """Return the types of some families with so many vCPUs and GPUs, in the order of the families.

    >>> [one.name for one in machines_of(("m5", "c5"), 16, 0)]
    ['m5.4xlarge', 'c5.4xlarge']
    """
    fitting = [one for one in MACHINES.values() if (one.vcpus, one.gpus) == (vcpus, gpus)]
    return [one for family in families for one in fitting if one.family == family]


def dollars(seconds: float, machine: Machine, *, spot: bool) -> float | None:
    """Return what a thousand pieces of work of so many seconds each cost on a machine that does nothing else."""
    price = machine.spot_usd if spot else machine.on_demand_usd
    return None if price is None else PIECES * seconds * price / 3600


def best_of_cores(answers: Sequence[Answer]) -> Answer | None:
    """Return the answer of the side that takes all cores the least time for a piece of work."""
    whole = [one for one in answers if one["side"] in ("threads", "each_core")]
    return min(whole, key=lambda one: float(one["piece_s"]), default=None)


def as_page(found: Mapping[str, Any]) -> str:
    """Return the page of all answers so far."""
    card, cores = found["card"], found["compared_cores"]
    packages = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    driver = f", driver {card['driver']}, {card['memory_mib']:,} MiB" if card["driver"] else ""
    about = f"{found['cores']} cores, {found['platform']}, load {found['load']} at the beginning"
    answers = [one for one in found["answers"] if "piece_s" in one]
    where = f"{card['name']}{driver}; {about}; Python {found['python']}, {packages}"
    how = (
        f"Seconds of a piece of work by the clock: a fit of {found['trees']} rounds with its predictions, or the Tomek "
        "links of one fold; the bins, which the fits of a fold share, stand beside it. `gpu` does one piece after "
        f"another with one core besides, `gpu_with_threads` with all {cores}; `threads` one with {cores} threads, "
        f"`each_core` {cores} at the same time (their time divided by {cores}), `one_core` one with one thread. Of up "
        "to two rounds the least. Device memory is what the GPU had more in use, at most, than before."
    )
    lines = [
        f"# gpu: {card['name']}",
        "",
        f"`{found['command']}`, {found['date']}; {where}.",
        "",
        how,
        *_corrected(found.get("corrections", [])),
        *_seconds(answers),
        *_dollars(answers, cores, card["name"]),
        *_missing(found["answers"]),
    ]
    return "\n".join(lines) + "\n"


def _corrected(corrections: Sequence[str]) -> Iterator[str]:
    if corrections:
        yield from ("", "## Corrected", "", *(f"- {one}" for one in corrections))


def _seconds(answers: Sequence[Answer]) -> Iterator[str]:
    yield from ("", "## Seconds", "", "| work | rows | side | s | bins s | device MiB | AUC | |")
    yield "|---|---|---|---|---|---|---|---|"
    for one in sorted(answers, key=lambda one: (one["work"], one["rows"])):
        auc = f"{one['roc_auc']:.5f}" if "roc_auc" in one else ""
        bins = f"{one['bins_s']:.3g}" if "bins_s" in one else ""
        memory = f"{one['peak_device_mib']:,.0f}" if "peak_device_mib" in one else ""
        cells = (one["work"], f"{one['rows']:,}", one["side"], f"{one['piece_s']:.3g}", bins, memory, auc)
        yield f"| {' | '.join(cells)} | {'; '.join(_remarks(one, answers))} |"


def _remarks(one: Answer, answers: Sequence[Answer]) -> Iterator[str]:
    if "rounds_equal" in one:
        yield "rounds equal bit for bit" if one["rounds_equal"] else "rounds **not** equal bit for bit"
    if one["work"] == "tomek" and one["side"] != "gpu":
        at = [
            other for other in answers if (other["work"], other["rows"], other["side"]) == ("tomek", one["rows"], "gpu")
        ]
        if at:
            yield "the GPU's links" if at[0]["digest"] == one["digest"] else "**not** the GPU's links"


def _dollars(answers: Sequence[Answer], cores: int, card: str) -> Iterator[str]:
    with_gpu, without = machines_of(GPU_FAMILIES, cores, 1), machines_of(CPU_FAMILIES, cores, 0)
    yield from ("", f"## Dollars for {PIECES:,} pieces of work", "")
    if not (with_gpu and without):
        yield f"No machine of {cores} vCPUs with one GPU is in job/machines.json: there are no dollars to tell."
        return
    named = ", ".join(f"{one.name} ({CARDS[one.family]})" for one in with_gpu)
    yield (
        f"On-Demand (Spot) by job/machines.json, {PRICES_OF}, {PRICES_AS_OF}. The seconds are those of {card} and of "
        f"{cores} cores of the machine it stands in; the prices are those of {named} and of machines without a GPU, "
        "with as many vCPUs each. **Another card's price beside this card's seconds is no measurement**: where that "
        "card is slower, it is the least that the work can cost there. While the GPU computes, the other cores of its "
        "machine can do what is the CPU's."
    )
    header = ["work", "rows", "GPU / cores", *(one.name for one in (*with_gpu, *without))]
    yield from ("", f"| {' | '.join(header)} |", "|---" * len(header) + "|")
    for work, rows in sorted({(one["work"], one["rows"]) for one in answers}):
        here = [one for one in answers if (one["work"], one["rows"]) == (work, rows)]
        gpu, cpu = next((one for one in here if one["side"] == "gpu"), None), best_of_cores(here)
        if gpu is None or cpu is None:
            continue
        priced = [(gpu["piece_s"], one) for one in with_gpu] + [(cpu["piece_s"], one) for one in without]
        cells = [work, f"{rows:,}", f"{gpu['piece_s'] / cpu['piece_s']:.2f}", *(_priced(*pair) for pair in priced)]
        yield f"| {' | '.join(cells)} |"


def _priced(seconds: float, machine: Machine) -> str:
    amounts = (dollars(seconds, machine, spot=spot) for spot in (False, True))
    on_demand, spot = ("?" if amount is None else f"{amount:.2f}" for amount in amounts)
    return f"{on_demand} ({spot})"


def _missing(answers: Sequence[Answer]) -> Iterator[str]:
    missing = [(one, one.get("left_out") or one.get("failed")) for one in answers if "piece_s" not in one]
    if missing:
        yield from ("", "## Left out", "")
    for one, why in missing:
        rows = f", {one['rows']:,} rows" if "rows" in one else ""
        yield f"- {one['work']}, {one['side']}{rows}: {why}"
