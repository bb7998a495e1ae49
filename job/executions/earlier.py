"""What a run leaves behind when it starts an execution of its own: one of the same spec, made from something else.

Another version of a library, another device or an edited spec is another execution, since results would differ. Who did
not mean to change anything has to hear of it before hours are computed again.
"""

from __future__ import annotations

from job.console import Console
from job.errors import ExecutionMismatch, ExecutionNotFound
from job.executions.executions import Execution, load_execution, present_results
from job.executions.headings import read_headings
from job.executions.identity import Identity, differences
from job.store import Store


def tell_of_earlier(store: Store, started: Execution, console: Console) -> None:
    """Say in one line which execution of the same spec stands already, how far it is, and what differs.

    Of several the latest, and rather one whose spec is the same to the last value.
    """
    earlier = _earlier(store, started)
    if earlier is None:
        return
    differing = differences(earlier.identity, started.identity)
    done, total = len(present_results(store, earlier)), sum(1 for _ in earlier.spec.units())
    edited = any(words.startswith("spec.") for words in differing)
    # An edited spec is meant, and what is complete is not lost; else somebody may compute again what is there.
    say = console.info if edited or done == total else console.warning
    words = f"to go on with that one: {way_back(earlier, started.identity)}"
    if done == total:
        words = "that one is complete and stays as it is"
    say(
        "other_execution",
        f"{earlier.id} ({done} of {total} units done) is of the same spec and was made from something else: "
        f"{'; '.join(differing)}. This run starts another execution; {words}",
        execution=started.id,
        other=earlier.id,
        done=done,
        total=total,
        differs=differing,
    )


def way_back(earlier: Execution, here: Identity) -> str:
    """Return how to go on with an execution that was made from something else than is here."""
    there = earlier.identity
    if there.protocol != here.protocol:
        return "use the version of ldp that made it"
    other = {name: there.versions.get(name, "missing") for name in sorted({*there.versions, *here.versions})}
    steps = [
        ("remove ", [name for name, version in other.items() if version == "missing" != here.versions.get(name)]),
        ("install ", [f"{name} {version}" for name, version in other.items()
                      if version not in ("missing", here.versions.get(name))]),
    ]  # fmt: skip
    change = " and ".join(f"{verb}{', '.join(named)}" for verb, named in steps if named)
    install = f"{change}, then " if change else ""
    if there.kernels != here.kernels:
        install += (
            f"set OPENBLAS_CORETYPE={there.kernels}, then " if there.kernels else "unset OPENBLAS_CORETYPE, then "
        )
    gpu = " --use-gpu" if there.device == "gpu" else ""
    return f"{install}`ldp experiment run --execution-id {earlier.id}{gpu}`"


def _earlier(store: Store, started: Execution) -> Execution | None:
    first: Execution | None = None
    for heading in read_headings(store).found:
        if heading.spec != started.spec.name or heading.id == started.id:
            continue
        try:
            found = load_execution(store, heading.id)
        except (ExecutionMismatch, ExecutionNotFound):  # listing names it; a run has nothing to do with it
            continue
        if found.identity.content() == started.identity.content():
            continue  # one with an id of its own: nothing differs
        if found.spec.canonical() == started.spec.canonical():
            return found
        first = first or found
    return first
