"""The head of a report: what it is of, and in large letters what nobody may overlook."""

from __future__ import annotations

from job.analysis.report.blocks import Banner
from job.analysis.report.content import Content
from job.analysis.report.writer import Writer
from job.analysis.wording import Name, Sentence


def banners(writer: Writer) -> tuple[Banner, ...]:
    """Return what stands above everything: that data are synthetic, that results are missing, that some are damaged."""
    text, content = writer.text, writer.content
    found = []
    if content.synthetic:
        names = tuple(state.dataset for state in content.summary.datasets if state.synthetic)
        found.append(
            Banner(
                text("Synthetic"),
                text(
                    "{datasets}: made-up sample data. Nothing on this page is a finding about borrowers.",
                    datasets=names,
                )
                if len(names) == len(content.summary.datasets)
                else text("{datasets}: made-up sample data, and no finding about borrowers.", datasets=names),
            )
        )
    if content.partial:
        found.append(Banner(text("Partial"), writer.wording.say(_partial(content))))
    if content.damaged:
        found.append(Banner(text("Damaged"), writer.wording.say(_damaged(len(content.damaged)))))
    return tuple(found)


def _partial(content: Content) -> Sentence:
    present, total = _units(content)
    params = {"present": present, "total": total}
    absent = tuple(state.dataset for state in content.summary.datasets if not state.present)
    if present and not any(state.partial for state in content.states):
        return Sentence(
            "{present} of {total} results are here: all of {datasets}, and none of {absent}.",
            {**params, "datasets": tuple(state.dataset for state in content.states), "absent": absent},
        )
    return Sentence(
        "{present} of {total} results are here. Means may be over different seeds, and ranks may change.", params
    )


def _damaged(n: int) -> Sentence:
    return Sentence(
        "{n} result could not be used and is not in the figures.",
        {"n": n},
        "{n} results could not be used and are not in the figures.",
        n,
    )


def _units(content: Content) -> tuple[int, int]:
    states = content.summary.datasets
    return sum(state.present for state in states), sum(state.total for state in states)


def lead(writer: Writer) -> str:
    """Return in one sentence what was compared."""
    spec = writer.content.execution.spec
    techniques = {technique for part in spec.models.values() for technique in part.techniques}
    combinations = sum(len(part.techniques) for part in spec.models.values())
    return writer.text(
        "{combinations} combinations of {models} models and {techniques} ways to deal with class imbalance, compared "
        "on {datasets} by {metric}.",
        combinations=combinations,
        models=len(spec.models),
        techniques=len(techniques),
        datasets=tuple(state.dataset for state in writer.content.about),
        metric=Name(writer.content.metric),
    )


def facts(writer: Writer) -> tuple[tuple[str, str], ...]:
    """Return what stands in the head beside it: data, split, repetitions, results, when."""
    text, content = writer.text, writer.content
    states = content.about
    splits = list(dict.fromkeys(writer.split(state) for state in states))
    if len(splits) > 1:
        splits = [f"{state.dataset} {writer.split(state)}" for state in states]
    present, total = _units(content)
    return (
        (text("Data"), "; ".join(writer.title_of(state.dataset) for state in states)),
        (text("Split"), "; ".join(splits)),
        (text("Repetitions"), "; ".join(dict.fromkeys(_repetitions(writer, state.dataset) for state in states))),
        (text("Results"), text("{present} of {total}", present=present, total=total)),
        (text("Begun"), writer.wording.date(content.created)),
    )


def _repetitions(writer: Writer, dataset: str) -> str:
    spec = writer.content.execution.spec
    n = len(spec.repetitions(dataset))
    if any(state.dataset == dataset and state.repetition == "origin" for state in writer.content.summary.datasets):
        return writer.wording.say(Sentence("{n} origin", {"n": n}, "{n} origins", n))
    return writer.wording.say(Sentence("{n} seed", {"n": n}, "{n} seeds", n))
