"""What a report owes its readers: what is missing, on what grounds a model may be judged, how to make it again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from job.analysis.report.blocks import Block, Bullets, Cell, Code, Column, Facts, Paragraph, Row, Section, Subheading
from job.analysis.report.blocks import Table as TableBlock
from job.analysis.report.writer import Writer
from job.analysis.summary import DatasetState
from job.catalogue import entry_of
from job.errors import one_line
from job.planning.spec import shipped_specs
from job.training.candidates import count_candidates
from job.training.unit import Unit

_LONGEST = 300


def left_out(writer: Writer) -> Section:
    """Return every unit that is not in the figures, and why."""
    columns = (
        Column(writer.text("Dataset")),
        Column(writer.text("Model")),
        Column(writer.text("Technique")),
        Column(writer.text("Repetitions")),
        Column(writer.text("Why")),
    )
    rows = tuple(_left_out(writer))
    blocks: list[Block] = []
    if rows:
        blocks.append(TableBlock("left-out-table", writer.text("Units that are not in the figures"), columns, rows, 3))
    else:
        blocks.append(Paragraph(writer.text("Nothing: every unit of the spec has a result, and all of them are here.")))
    if writer.content.damaged:
        blocks.append(Paragraph(writer.text("Results that stand in the store and could not be used:")))
        blocks.append(Bullets(tuple(one_line(one, _LONGEST) for one in writer.content.damaged), english=True))
    intro = writer.text("An average over what went well is not the average. This is what it is not over.")
    return Section("left-out", writer.text("What failed or was left out"), intro, tuple(blocks))


def _left_out(writer: Writer) -> Iterator[Row]:
    errors = dict(writer.content.failures)
    reasons: list[tuple[Unit, str]] = [
        (unit, one_line(writer.text("inapplicable: {reason}", reason=one.reason or ""), _LONGEST))
        for unit, one in writer.content.units.items()
        if not one.done
    ]
    for unit in writer.content.execution.spec.units():
        if unit in writer.content.units:
            continue
        if str(unit) in errors:
            reasons.append((unit, one_line(writer.text("failed: {error}", error=errors[str(unit)]), _LONGEST)))
        elif unit in writer.content.missing:
            reasons.append((unit, writer.text("no result yet")))
        else:
            reasons.append((unit, writer.text("damaged or of something else")))
    nothing = _nothing_of(writer, reasons)
    whole = {dataset for dataset, _ in nothing}
    for dataset, why in nothing:
        every = writer.text("all")
        yield Row((Cell(dataset), Cell(every), Cell(every), Cell(every), Cell(why)))
    ordered = sorted(
        (one for one in reasons if one[0].dataset not in whole),
        key=lambda one: (one[0].dataset, one[0].model, one[0].technique, one[1], one[0].seed),
    )
    for (dataset, model, technique, why), group in groupby(
        ordered, key=lambda one: (one[0].dataset, one[0].model, one[0].technique, one[1])
    ):
        seeds = ", ".join(str(unit.seed) for unit, _ in group)
        names = Cell(dataset), Cell(writer.wording.name(model)), Cell(writer.wording.name(technique))
        yield Row((*names, Cell(seeds), Cell(why)))


def _nothing_of(writer: Writer, reasons: list[tuple[Unit, str]]) -> list[tuple[str, str]]:
    """Return the datasets of which no unit is there, all for the same reason, with that reason."""
    found = []
    for state in writer.content.summary.datasets:
        own = [why for unit, why in reasons if unit.dataset == state.dataset]
        if len(own) == state.total and len(set(own)) == 1:
            found.append((state.dataset, own[0]))
    return found


def appendix(writer: Writer) -> Section:
    """Return what the validation of a model asks for, as far as these results tell it."""
    text = writer.text
    spec = writer.content.execution.spec
    protocol = spec.protocol
    method = (
        (text("Test share"), writer.wording.percent(protocol.test_share, 0)),
        (text("Folds"), writer.wording.whole(protocol.folds)),
        (text("Search scored by"), writer.wording.name(protocol.scoring)),
        (text("Seeds"), ", ".join(map(str, spec.seeds))),
    )
    blocks: tuple[Block, ...] = (
        Subheading(text("Use")),
        Bullets(
            (
                text("These are comparisons of methods on past loans. No model here was approved for decisions."),
                text("Figures are of those who had credit: nothing is known of those who were refused."),
                text(
                    "What past loans show need not hold for later ones: that was tested only where the split is by "
                    "time."
                ),
            )
        ),
        Subheading(text("Data")),
        *_data(writer),
        Subheading(text("Method")),
        Paragraph(
            text(
                "Imputation, scaling and resampling were fitted inside each training fold; the test part was seen by "
                "none of them, nor by the choice of parameters and thresholds."
            )
        ),
        Facts(method),
        *_grids(writer),
        Subheading(text("Choosing among many")),
        Paragraph(
            text(
                "The best of many test scores flatters. What counts for a user is the test score of what the folds "
                "would have chosen; the optimism is by how much the best test score is too good, by drawing test rows "
                "again."
            )
        ),
        *(block for state in writer.content.states for block in _selections(writer, state)),
        Subheading(text("Not examined on this page")),
        Bullets(
            (
                text("Whether decisions treat groups of people alike: ldp analyze fairness asks that of a feature."),
                text("How scores move from month to month: ldp analyze drift tells it, where rows are split by time."),
                text("Why a single applicant has a score, and how a model is kept after it is put to use."),
            )
        ),
    )
    return Section(
        "appendix",
        text("Model-risk appendix"),
        text("For whoever has to judge whether a model may be relied on: what was done, and what was not."),
        blocks,
    )


def _data(writer: Writer) -> list[Block]:
    columns = (
        Column(writer.text("Dataset")),
        Column(writer.text("Rows"), numeric=True),
        Column(writer.text("Split")),
        Column(writer.text("Test rows"), numeric=True),
        Column(writer.text("Defaults in a test part"), numeric=True),
        Column(writer.text("Results"), numeric=True),
        Column(writer.text("Source")),
    )
    rows, notes = [], []
    for state in writer.content.summary.datasets:
        tested = [one for row in writer.content.rows(state.dataset) for one in row.evidence.values()]
        entry = entry_of(state.dataset)
        source = writer.text("synthetic sample") if state.synthetic else "" if entry is None else entry.source
        rows.append(
            Row(
                (
                    Cell(state.dataset),
                    writer.whole(state.rows),
                    Cell(writer.split(state)),
                    writer.whole(min((one.rows for one in tested), default=None)),
                    writer.whole(min((one.positives for one in tested), default=None)),
                    Cell(f"{writer.wording.whole(state.present)} / {writer.wording.whole(state.total)}", state.present),
                    Cell(source),
                )
            )
        )
        notes += [f"{state.dataset}: {note}" for note in state.notes]
    table = TableBlock("data-table", writer.text("Data"), columns, tuple(rows), 1, (_smallest(writer),))
    return [table, *([Bullets(tuple(notes), english=True)] if notes else [])]


def _smallest(writer: Writer) -> str:
    return writer.text("Test rows and defaults are those of the smallest test part.")


def _grids(writer: Writer) -> list[Block]:
    spec = writer.content.execution.spec
    columns = (
        Column(writer.text("Model")),
        Column(writer.text("Techniques")),
        Column(writer.text("Candidates"), numeric=True),
    )
    rows = []
    for model, part in spec.models.items():
        counts = {
            technique: count_candidates(spec.grid(Unit("", model, technique, 0))) for technique in part.techniques
        }
        techniques = ", ".join(writer.wording.name(one) for one in part.techniques)
        most = max(counts.values(), default=0)
        rows.append(Row((Cell(writer.wording.name(model)), Cell(techniques), writer.whole(most))))
    foot = (writer.text("Candidates: points of the largest grid among the model's techniques."),)
    return [TableBlock("grids-table", writer.text("What was searched"), columns, tuple(rows), 1, foot)]


def _selections(writer: Writer, state: DatasetState) -> list[Block]:
    found = [one for one in writer.content.selections if one.dataset == state.dataset]
    columns = [
        Column(writer.text("Repetition")),
        Column(writer.text("Chosen by the folds")),
        Column(writer.text("Its test score"), numeric=True),
        Column(writer.text("Best on the test part")),
        Column(writer.text("Best test score"), numeric=True),
        Column(writer.text("Optimism"), numeric=True),
    ]
    rows = [
        Row(
            (
                Cell(writer.repetition(state, one.seed), one.seed),
                Cell(_combination(writer, one.chosen)),
                writer.number(one.test_score),
                Cell(_combination(writer, one.best)),
                writer.number(one.best_score),
                writer.number(one.optimism, 4),
            )
        )
        for one in found
    ]
    few = dict.fromkeys(one.standing.unranked for one in writer.content.rows(state.dataset) if one.standing.unranked)
    foot = [writer.text("No conclusion: {reason}.", reason=writer.reason(one)) for one in few if writer.too_few(one)]
    caption = writer.text("What the folds would have chosen")
    return writer.table("selection", state, caption, columns, rows, names=1, foot=foot)


def _combination(writer: Writer, name: str) -> str:
    return " × ".join(writer.wording.name(part) for part in name.split(" × "))


def reproduction(writer: Writer) -> Section:
    """Return how to make all of it again: commands, versions, ids."""
    text, content = writer.text, writer.content
    execution = content.execution
    identity, spec = execution.identity, execution.spec
    shipped = spec.name in shipped_specs()
    names = [state.dataset for state in content.about]
    only = "".join(f" --only-dataset {name}" for name in names) if len(names) < len(spec.datasets) else ""
    samples = {name: content.samples[name] for name in names if name in content.samples}
    commands = [f"ldp data sample {name} --rows {rows} --seed {seed}" for name, (rows, seed) in samples.items()]
    commands += [f"ldp data process {name}" for name in names]
    commands.append(f"ldp experiment run --spec {spec.name if shipped else f'{spec.name}.toml'}{only}")
    commands.append(f"ldp analyze report {execution.id}")
    facts = [
        (text("Execution"), execution.id),
        (text("Begun"), writer.wording.date(content.created)),
        (text("Page made by"), f"ldp {content.version}"),
        (text("Device"), identity.device),
        (text("Protocol"), str(identity.protocol)),
        *sorted(identity.versions.items()),
    ]
    prints = [(state.dataset, state.fingerprint) for state in content.summary.datasets if state.fingerprint is not None]
    blocks: list[Block] = [
        Code(text("Commands"), tuple(commands)),
        *(
            []
            if shipped
            else [Paragraph(text("The spec is the user's own: its grids and seeds stand in the manifest."))]
        ),
        Subheading(text("Versions")),
        Facts(tuple(facts)),
    ]
    if prints:
        blocks += [
            Subheading(text("Fingerprints of the data")),
            Paragraph(text("SHA-256 of column names and values: who has the same one has the same data.")),
            Facts(tuple(prints), long=True),
        ]
    intro = text(
        "On the same processor architecture and with the same versions the results are the same to the last bit, "
        "however often a run is interrupted."
    )
    return Section("reproduce", text("How to reproduce it"), intro, tuple(blocks))
