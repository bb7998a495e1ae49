"""What a report says of scores: how they rank, whether they come true, what decisions cost, what it all took."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

from job.analysis.plots.look import UnitLook
from job.analysis.report.blocks import Block, Cell, Column, Row, Section
from job.analysis.report.figures import Plots
from job.analysis.report.writer import Writer
from job.analysis.summary import DatasetState

_RANKING = ("roc", "pr", "cap", "ks", "lift")
_PROBABILITIES = ("reliability", "scores")


def curves(writer: Writer, plots: Plots) -> Section:
    """Return how scores rank and whether they come true."""

    def of(state: DatasetState) -> list[Block]:
        ranking = [block for name in _RANKING for block in plots.of(name, state)]
        probabilities = [block for name in _PROBABILITIES for block in plots.of(name, state)]
        return [
            writer.subheading(writer.text("How scores rank")), *ranking, *_ranking(writer, state),
            writer.subheading(writer.text("Whether scores come true")), *probabilities, *_calibration(writer, state),
        ]  # fmt: skip

    intro = writer.text(
        "A score can be judged without any threshold: by how it ranks applicants, and by whether as many default as it "
        "says. The plots show the best combination of each model at one repetition; the tables are means over all."
    )
    return Section("curves", writer.text("Scores"), intro, writer.by_dataset("curves", of))


def _ranking(writer: Writer, state: DatasetState) -> list[Block]:
    mean, name = writer.mean, writer.wording.name
    columns = [
        *writer.name_columns(),
        *(Column(name(one), numeric=True) for one in ("roc_auc", "gini", "ks", "pr_auc")),
        Column(writer.text("H-measure"), numeric=True),
        *(
            Column(writer.text("Lift at {share}", share=writer.wording.percent(share, 0)), numeric=True)
            for share in (0.05, 0.1, 0.2)
        ),
        Column(writer.text("Defaults found at {share}", share=writer.wording.percent(0.2, 0)), numeric=True),
    ]
    made = [
        Row(
            (
                *writer.names(row),
                *(writer.number(row.mean[one]) for one in ("roc_auc", "gini", "ks", "pr_auc")),
                writer.number(mean(row, lambda told: told["ranking"]["h_measure"])),
                *(writer.number(mean(row, _lift(i)), 2) for i in range(3)),
                writer.percent(mean(row, lambda told: told["ranking"]["depths"][2]["capture"])),
            )
        )
        for row in writer.content.rows(state.dataset)
    ]
    foot = [writer.text("Lift: the default rate of the riskiest applicants over that of all. Gini is 2·AUC − 1.")]
    return writer.table("ranks", state, writer.text("Ranking"), columns, made, foot=foot)


def _lift(place: int) -> Callable[[Any], float]:
    return lambda told: float(told["ranking"]["depths"][place]["lift"])


def _calibration(writer: Writer, state: DatasetState) -> list[Block]:
    columns = [
        *writer.name_columns(),
        Column(writer.wording.name("brier"), numeric=True),
        Column(writer.text("Miscalibration"), numeric=True),
        Column(writer.text("Observed ÷ expected"), numeric=True),
        Column(writer.text("Slope"), numeric=True),
        Column(writer.text("Put back: miscalibration"), numeric=True),
        Column(writer.text("Put back: observed ÷ expected"), numeric=True),
    ]
    made = []
    for row in writer.content.rows(state.dataset):
        plain, back = _of("calibration"), _of("calibration_corrected")
        made.append(
            Row(
                (
                    *writer.names(row),
                    writer.number(row.mean["brier"]),
                    writer.number(writer.mean(row, plain("miscalibration")), 4),
                    writer.number(writer.mean(row, plain("observed_expected", "ratio")), 2),
                    writer.number(writer.mean(row, plain("recalibration", "slope")), 2),
                    writer.number(writer.mean(row, back("miscalibration")), 4),
                    writer.number(writer.mean(row, back("observed_expected", "ratio")), 2),
                )
            )
        )
    foot = [
        writer.text(
            "Observed ÷ expected: below 1, more defaults were expected than came. Slope: below 1, scores are too "
            "extreme. Put back: after the odds that weights or under-sampling shifted were put back to the training "
            "part's default rate."
        )
    ]
    return writer.table("calibration", state, writer.text("Calibration"), columns, made, foot=foot)


def _of(part: str) -> Callable[..., Callable[[Mapping[str, Any]], float | None]]:
    """Return what finds a figure in a part of a unit's figures; None where the unit has none."""

    def path(*names: str) -> Callable[[Mapping[str, Any]], float | None]:
        def find(told: Mapping[str, Any]) -> float | None:
            found: Any = told.get(part)
            for name in names:
                found = None if found is None else found[name]
            return None if found is None else float(found)

        return find

    return path


def costs(writer: Writer, plots: Plots) -> Section:
    """Return what decisions cost, over the ratio of the two mistakes' costs."""

    def of(state: DatasetState) -> list[Block]:
        rows = writer.content.rows(state.dataset)
        ratios = next((_ratios(one) for row in rows for _, one in writer.content.looks(row) if _ratios(one)), [])
        columns = [
            *writer.name_columns(),
            *(Column(f"{writer.wording.whole(int(ratio))}\u00a0:\u00a01", numeric=True) for ratio in ratios),
            Column(writer.text("Maximum profit"), numeric=True),
            Column(writer.text("Refused for it"), numeric=True),
        ]
        made = [
            Row(
                (
                    *writer.names(row),
                    *(writer.number(writer.mean(row, _cost(i))) for i in range(len(ratios))),
                    writer.percent(writer.mean(row, lambda told: told["money"]["emp"]), 2),
                    writer.percent(writer.mean(row, lambda told: told["money"]["emp_refused"])),
                )
            )
            for row in rows
        ]
        foot = [
            writer.text(
                "Cost for each applicant by the combination's own decisions, in units of refusing a good borrower; the "
                "columns say how many of those a granted defaulter costs. Maximum profit: expected, as a share of the "
                "loan, by Verbraken's defaults (p0 0.55, p1 0.10, ROI 0.2644)."
            )
        ]
        caption = writer.text("Expected cost of the decisions")
        return [*plots.of("cost_curves", state), *writer.table("costs", state, caption, columns, made, foot=foot)]

    intro = writer.text(
        "Which combination is cheapest depends on how much more a granted defaulter costs than a refused good "
        "borrower. That ratio is the lender's to know; here are the costs over a range of it."
    )
    return Section("costs", writer.text("Cost curves"), intro, writer.by_dataset("costs", of))


def _ratios(one: UnitLook) -> list[float]:
    return [] if one.figures["why"] is not None else [cost["ratio"] for cost in one.figures["money"]["expected_cost"]]


def _cost(place: int) -> Callable[[Any], float]:
    return lambda told: float(told["money"]["expected_cost"][place]["own"])


def effort(writer: Writer, plots: Plots) -> Section:
    """Return what results took, beside what they are worth."""

    def of(state: DatasetState) -> list[Block]:
        metric = writer.content.metric
        columns = [
            *writer.name_columns(),
            Column(writer.metric, numeric=True),
            Column(writer.text("CPU time of a unit"), numeric=True),
            Column(writer.text("CPU time of all"), numeric=True),
        ]
        made, total = [], 0.0
        for row in writer.content.rows(state.dataset):
            took = [one.cpu_seconds for _, one in writer.content.looks(row) if one.cpu_seconds is not None]
            total += sum(took)
            each = statistics.fmean(took) if took else None
            cells = writer.number(row.mean[metric]), writer.seconds(each), writer.seconds(sum(took) if took else None)
            made.append(Row((*writer.names(row), *cells)))
        foot = [
            writer.text(
                "Each unit's time is what it would take alone; units that share work took less together. In all: "
                "{total} of one processor core.",
                total=writer.seconds(total).text,
            )
        ]
        caption = writer.text("What the results took")
        return [*plots.of("time", state), *writer.table("effort", state, caption, columns, made, foot=foot)]

    intro = writer.text(
        "A unit is one combination at one seed: the search over its grid on every fold, and the final fit."
    )
    return Section("effort", writer.text("Time beside quality"), intro, writer.by_dataset("effort", of))


def parameters(writer: Writer, plots: Plots) -> Section:
    """Return what the folds chose, seed by seed."""

    def of(state: DatasetState) -> list[Block]:
        repetitions = writer.content.execution.spec.repetitions(state.dataset)
        rows = writer.content.rows(state.dataset)
        columns = [*writer.name_columns(), *(Column(writer.repetition(state, one)) for one in repetitions)]
        made = []
        for row in rows:
            chosen = {}
            for unit, one in writer.content.looks(row):
                grid = writer.content.execution.spec.grid(unit)
                chosen[unit.seed] = _chosen(writer, one, {name for name, values in grid.items() if len(values) > 1})
            made.append(Row((*writer.names(row), *(Cell(chosen.get(one, "")) for one in repetitions))))
        foot = [writer.text("Parameters that the grid has one value of are left out.")]
        caption = writer.text("Chosen parameters, weights and thresholds")
        return [*plots.of("parameters", state), *writer.table("chosen", state, caption, columns, made, foot=foot)]

    intro = writer.text(
        "What each search chose by its folds. Choices that change from seed to seed say that the data do not tell them "
        "apart."
    )
    return Section("parameters", writer.text("Chosen parameters by seed"), intro, writer.by_dataset("parameters", of))


def _chosen(writer: Writer, one: UnitLook, varying: set[str]) -> str:
    parts = [f"{name} {_value(writer, value)}" for name, value in sorted(one.parameters.items()) if name in varying]
    if one.threshold is not None:
        parts.append(writer.text("threshold {value}", value=float(one.threshold)))
    return ", ".join(parts)


def _value(writer: Writer, value: Any) -> str:
    """Return a parameter's value as the program takes it: what readers type has a full stop in every language."""
    match value:
        case None:
            return writer.text("none")
        case bool() | str():
            return str(value)
        case float():
            return f"{value:g}"
        case list() | tuple():
            return "(" + ", ".join(_value(writer, each) for each in value) + ")"
        case dict():
            return ", ".join(f"{key}: {_value(writer, each)}" for key, each in value.items())
        case _:
            return str(value)
