"""What a report says of decisions: the verdict, the comparison, how stable it is, and what techniques change."""

from __future__ import annotations

from job.analysis.differences import Difference, name_of
from job.analysis.plots import gains
from job.analysis.ranking import LOWER_IS_BETTER
from job.analysis.report.blocks import Block, Cell, Column, Finding, More, Paragraph, Row, Section, Table
from job.analysis.report.figures import Plots
from job.analysis.report.writer import Writer
from job.analysis.rows import SummaryRow
from job.analysis.summary import DECISIVE, DatasetState
from job.analysis.wording import Name
from job.metrics import METRIC_IDS

TIED = "≈"


def verdict(writer: Writer) -> Section:
    """Return what was found, dataset by dataset, and what that does not allow to say."""

    def of(state: DatasetState) -> list[Block]:
        found = writer.content.verdicts[state.dataset]
        say = writer.wording.say
        label = writer.subheading(writer.text("What this does not say"))
        limits = tuple(say(one) for one in found.cannot_say)
        return [Finding(tuple(say(one) for one in found.sentences), label, limits)]

    return Section("verdict", writer.text("The verdict"), "", writer.by_dataset("verdict", of))


def comparison(writer: Writer, plots: Plots) -> Section:
    """Return every combination with its interval and its distance from the best."""

    def of(state: DatasetState) -> list[Block]:
        rows = writer.content.rows(state.dataset)
        return [*plots.of("comparison", state), *_ranking(writer, state, rows), *_every_metric(writer, state, rows)]

    intro = writer.text(
        "Every combination of model and technique by {metric}, on test rows that its training never saw. Those that "
        "cannot be told from the best are marked: choosing among them is a matter of cost and simplicity, not of "
        "evidence.",
        metric=Name(writer.content.metric),
    )
    return Section("comparison", writer.text("Comparison"), intro, writer.by_dataset("comparison", of))


def _ranking(writer: Writer, state: DatasetState, rows: list[SummaryRow]) -> list[Block]:
    metric = writer.content.metric
    others = [one for one in DECISIVE if one != metric]
    several = state.repetition == "seed"
    columns = [
        Column(writer.text("Rank"), numeric=True),
        *writer.name_columns(),
        Column(writer.metric, numeric=True),
        Column(writer.text("SD over seeds") if several else writer.text("SD over origins"), numeric=True),
        Column(writer.text("Against the best"), numeric=True),
        Column(writer.text("95% interval"), numeric=True),
        Column(writer.text("p, Holm"), numeric=True),
        Column(writer.text("As good")),
        *(Column(writer.wording.name(one), numeric=True) for one in others),
    ]
    best = next((row for row in rows if row.standing.rank is not None), None)
    pairs = {} if best is None else against(writer.content.differences, best)
    made = []
    for row in (*rows, *_references(writer, state)):
        pair = pairs.get(name_of(row))
        tied = bool(row.standing.tied)
        cells = (
            writer.whole(row.standing.rank),
            *writer.names(row),
            writer.number(row.mean[metric]),
            writer.number(row.std[metric]),
            writer.number(None if pair is None else pair.difference, signed=True),
            Cell("") if pair is None else writer.span(pair.low, pair.high, signed=True),
            writer.probability(None if pair is None else pair.p_holm),
            Cell(TIED if tied else "", 1.0 if tied else 0.0),
            *(writer.number(row.mean[one]) for one in others),
        )
        made.append(Row(cells, tied))
    return writer.table(
        "ranking", state, writer.text("Combinations by {metric}", metric=Name(metric)), columns, made, names=3,
        foot=_ranking_foot(writer, state, rows, list(pairs.values())),
    )  # fmt: skip


def _references(writer: Writer, state: DatasetState) -> list[SummaryRow]:
    return [row for row in writer.content.summary.references if row.dataset == state.dataset]


def _ranking_foot(writer: Writer, state: DatasetState, rows: list[SummaryRow], pairs: list[Difference]) -> list[str]:
    foot = []
    if any(row.standing.tied for row in rows):
        foot.append(
            writer.text(
                "{mark} not distinguishable from the best at 5%: corrected resampled t-test (Nadeau and Bengio), "
                "Holm's adjustment over all pairs. The intervals are of each pair alone.",
                mark=TIED,
            )
        )
    if state.repetition == "origin":
        foot.append(writer.text("Origins are no exchangeable repetitions: nothing is tested over them."))
    elif not any(pair.p_holm is not None for pair in pairs):
        foot.append(writer.text("Nothing was tested: that needs three seeds and more, the same ones for all."))
    reasons = dict.fromkeys(reason for row in rows if (reason := row.standing.unranked))
    foot += [writer.text("Not ranked: {reason}.", reason=writer.reason(one)) for one in reasons]
    if any(row.undefined for row in rows):
        foot.append(writer.text("Metrics that are undefined at a seed are the mean over the others."))
    return foot


def against(differences: tuple[Difference, ...], best: SummaryRow) -> dict[str, Difference]:
    """Return each other combination less the best one, by its name."""
    found = {}
    for one in differences:
        if one.dataset == best.dataset and one.origin is None and name_of(best) in (one.first, one.second):
            other = one.first if one.second == name_of(best) else one.second
            found[other] = one.seen_from(other)
    return found


def _every_metric(writer: Writer, state: DatasetState, rows: list[SummaryRow]) -> list[Block]:
    columns = [*writer.name_columns(), *(Column(writer.wording.name(one), numeric=True) for one in METRIC_IDS)]
    made = [
        Row((*writer.names(row), *(writer.number(row.mean[one]) for one in METRIC_IDS)))
        for row in (*rows, *_references(writer, state))
    ]
    table = writer.table("metrics", state, writer.text("Means of every metric"), columns, made)
    return [More(writer.text("Every metric"), tuple(table))] if table else []


def stability(writer: Writer, plots: Plots) -> Section:
    """Return how far results move from seed to seed, or from origin to origin."""

    def of(state: DatasetState) -> list[Block]:
        metric = writer.content.metric
        repetitions = writer.content.execution.spec.repetitions(state.dataset)
        columns = [
            *writer.name_columns(),
            *(Column(writer.repetition(state, one), numeric=True) for one in repetitions),
            Column(writer.text("SD"), numeric=True),
            Column(writer.text("Range"), numeric=True),
        ]
        made = []
        for row in writer.content.rows(state.dataset):
            values = row.values[metric]
            reach = max(values.values()) - min(values.values()) if len(values) > 1 else None
            made.append(
                Row(
                    (
                        *writer.names(row),
                        *(writer.number(values.get(one)) for one in repetitions),
                        writer.number(row.std[metric]),
                        writer.number(reach),
                    )
                )
            )
        caption = writer.text("{metric} of each repetition", metric=Name(metric))
        table = writer.table("seeds", state, caption, columns, made)
        return [*plots.of("stability", state), *table]

    intro = writer.text(
        "Each seed draws another training and test part. What a single split shows may be luck: a lead smaller than "
        "the spread from seed to seed is none to rely on."
    )
    return Section("stability", writer.text("Stability"), intro, writer.by_dataset("stability", of))


def tradeoff(writer: Writer, plots: Plots) -> Section:
    """Return what is paid in precision for sensitivity."""
    shown = ("sensitivity", "specificity", "precision", "f1", "g_mean")

    def of(state: DatasetState) -> list[Block]:
        columns = [*writer.name_columns(), *(Column(writer.wording.name(one), numeric=True) for one in shown)]
        made = [
            Row((*writer.names(row), *(writer.number(row.mean[one]) for one in shown)))
            for row in writer.content.rows(state.dataset)
        ]
        table = writer.table("decisions", state, writer.text("What the decisions are worth"), columns, made)
        return [*plots.of("tradeoff", state), *table]

    intro = writer.text(
        "Sensitivity is the share of defaulters that are found; precision the share of those refused that would have "
        "defaulted. Techniques against imbalance buy the first with the second."
    )
    return Section("tradeoff", writer.text("Precision against sensitivity"), intro, writer.by_dataset("tradeoff", of))


def heatmap(writer: Writer, plots: Plots) -> Section:
    """Return the map of techniques and models; its values are those of the comparison."""
    intro = writer.text("{metric} of every technique with every model.", metric=Name(writer.content.metric))
    blocks = writer.by_dataset("heatmap", lambda state: plots.of("heatmap", state))
    return Section("heatmap", writer.text("Technique by model"), intro, blocks)


def imbalance(writer: Writer, plots: Plots) -> Section:
    """Return what each technique adds to the baseline, against how rare defaults are."""
    every = gains.imbalance(writer.content.plotted(None))
    models = list(dict.fromkeys(model for gain in every for model in gain.by_model))
    columns = [
        Column(writer.text("Dataset")),
        Column(writer.text("Technique")),
        Column(writer.text("Default rate"), numeric=True),
        Column(writer.text("Mean gain"), numeric=True),
        *(Column(writer.wording.name(model), numeric=True) for model in models),
    ]
    made = tuple(
        Row(
            (
                Cell(gain.dataset),
                Cell(writer.wording.name(gain.technique)),
                writer.percent(gain.default_rate),
                writer.number(gain.mean, signed=True),
                *(writer.number(gain.by_model.get(model), signed=True) for model in models),
            )
        )
        for gain in every
    )
    caption = writer.text("Gain in {metric} over the same model's baseline", metric=Name(writer.content.metric))
    table = [Table("gains", caption, tuple(columns), made, 2)] if made else [_no_baseline(writer)]
    intro = writer.text(
        "What each technique adds to the same model without it, against how rare defaults are. Where they are rarer, "
        "fewer test rows tell."
    )
    return Section("imbalance", writer.text("Effect against imbalance"), intro, (*plots.of("imbalance", None), *table))


def _no_baseline(writer: Writer) -> Paragraph:
    return Paragraph(writer.text("There is no technique here beside the baseline of the same model."))


def cost_sensitive(writer: Writer, plots: Plots) -> Section:
    """Return cost-sensitive learning held against resampling."""

    def of(state: DatasetState) -> list[Block]:
        found = gains.cost_sensitive(writer.content.plotted(state.dataset))
        if not found:
            return [Paragraph(writer.text("No model was trained cost-sensitively here and in another way as well."))]
        names = {name_of(row): row for row in writer.content.rows(state.dataset)}
        columns = [
            Column(writer.text("Model")),
            Column(writer.text("Cost-sensitive less …")),
            Column(writer.text("Difference"), numeric=True),
            Column(writer.text("95% interval"), numeric=True),
            Column(writer.text("p, Holm"), numeric=True),
            Column(writer.text("Finding")),
        ]
        made = [
            Row(
                (
                    Cell(writer.wording.name(names[one.second].model)),
                    Cell(writer.wording.name(names[one.second].technique)),
                    writer.number(one.difference, signed=True),
                    writer.span(one.low, one.high, signed=True),
                    writer.probability(one.p_holm),
                    Cell(_finding(writer, one)),
                )
            )
            for one in found
        ]
        caption = writer.text("Differences in {metric}", metric=Name(writer.content.metric))
        return [*plots.of("cost_sensitive", state), *writer.table("weights", state, caption, columns, made)]

    intro = writer.text(
        "Weights tell a model that a missed defaulter costs more; resampling shows it more of them, or fewer of the "
        "others."
    )
    return Section(
        "cost-sensitive",
        writer.text("Cost-sensitive learning against resampling"),
        intro,
        writer.by_dataset("cost-sensitive", of),
    )


def _finding(writer: Writer, one: Difference) -> str:
    if one.distinguishable is None or one.difference is None:
        return writer.text("not tested")
    if not one.distinguishable:
        return writer.text("not distinguishable")
    better = (one.difference > 0) != (one.metric in LOWER_IS_BETTER)
    return writer.text("better") if better else writer.text("worse")
