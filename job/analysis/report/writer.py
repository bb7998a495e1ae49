"""Figures as readers of a language write them, and the parts that every section has for each dataset."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from job.analysis.report.blocks import UNDEFINED, Block, Cell, Column, Heading, Row, Subheading, Table
from job.analysis.report.content import Content
from job.analysis.rows import SummaryRow
from job.analysis.summary import DatasetState
from job.analysis.wording import Wording
from job.catalogue import entry_of

_TOO_FEW = re.compile(r"(\d+) defaults in a test part are too few; at least (\d+) are needed")


@dataclass(frozen=True)
class Writer:
    """Writes the content of a report in a language."""

    content: Content
    wording: Wording

    def text(self, msgid: str, **params: Any) -> str:
        """Return a text in the language."""
        return self.wording.text(msgid, **params)

    def number(self, value: float | None, digits: int = 3, *, signed: bool = False) -> Cell:
        """Return a number as a cell."""
        return Cell(UNDEFINED) if value is None else Cell(self.wording.number(value, digits, signed=signed), value)

    def whole(self, value: int | None) -> Cell:
        """Return a whole number as a cell."""
        return self.number(value, 0)

    def percent(self, value: float | None, digits: int = 1) -> Cell:
        """Return a share as a cell."""
        return Cell(UNDEFINED) if value is None else Cell(self.wording.percent(value, digits), value)

    def span(self, low: float | None, high: float | None, digits: int = 3, *, signed: bool = False) -> Cell:
        """Return an interval as a cell, which sorts by its middle."""
        if low is None or high is None:
            return Cell(UNDEFINED)
        ends = [self.wording.number(one, digits, signed=signed) for one in (low, high)]
        return Cell(self.text("{low} to {high}", low=ends[0], high=ends[1]), (low + high) / 2)

    def probability(self, p: float | None) -> Cell:
        """Return a p-value as a cell."""
        if p is not None and p < 0.001:
            return Cell(f"< {self.wording.number(0.001)}", p)
        return self.number(p)

    def seconds(self, value: float | None) -> Cell:
        """Return a time as a cell, in the unit that suits it."""
        if value is None:
            return Cell(UNDEFINED)
        if value < 100:
            return Cell(self.text("{n} s", n=self.wording.number(value, 1 if value < 10 else 0)), value)
        if value < 6000:
            return Cell(self.text("{n} min", n=self.wording.number(value / 60, 1)), value)
        return Cell(self.text("{n} h", n=self.wording.number(value / 3600, 1)), value)

    def names(self, row: SummaryRow) -> tuple[Cell, Cell]:
        """Return model and technique as cells."""
        return Cell(self.wording.name(row.model)), Cell(self.wording.name(row.technique))

    def name_columns(self) -> list[Column]:
        """Return the columns that :meth:`names` fills."""
        return [Column(self.text("Model")), Column(self.text("Technique"))]

    @property
    def metric(self) -> str:
        """The name of the metric that combinations are compared by."""
        return self.wording.name(self.content.metric)

    def title_of(self, dataset: str) -> str:
        """Return a dataset's id with its title, where the catalogue has one."""
        entry = entry_of(dataset)
        return dataset if entry is None else self.text(entry.title)

    def split(self, state: DatasetState) -> str:
        """Return how a dataset's rows are split."""
        kind = self.content.execution.spec.split(state.dataset).as_json()
        entry = entry_of(state.dataset)
        match kind["by"]:
            case "row":
                return self.text("by row")
            case "group":
                return self.text(
                    "by group: no {group} is in both parts", group=self.text("group" if entry is None else entry.group)
                )
            case _:
                return self.text("by time: each test part is later than its training part")

    def repetition(self, state: DatasetState, number: int) -> str:
        """Return the name of one repetition."""
        if state.repetition == "origin":
            return self.text("Origin {number}", number=number)
        return self.text("Seed {number}", number=number)

    @staticmethod
    def too_few(unranked: str) -> bool:
        """Tell whether a row is not ranked because the test parts have too few defaults."""
        return _TOO_FEW.fullmatch(unranked) is not None

    def reason(self, unranked: str) -> str:
        """Return why a row is not ranked; reasons of a kind that has no translation are in English."""
        text = self.text
        few = _TOO_FEW.fullmatch(unranked)
        if few is not None:
            numbers = {"n": int(few[1]), "least": int(few[2])}
            return text("{n} defaults in a test part are too few; at least {least} are needed", **numbers)
        known = {
            "undefined or inapplicable": text("undefined or inapplicable"),
            "over other seeds than the rows that are ranked": text("over other seeds than the rows that are ranked"),
            "over other origins than the rows that are ranked": text(
                "over other origins than the rows that are ranked"
            ),
        }
        return known.get(unranked, unranked)

    def flags(self, state: DatasetState) -> tuple[str, ...]:
        """Return what has to be said of a dataset in large letters."""
        found = [self.text("synthetic")] if state.synthetic else []
        return (*found, self.text("partial")) if state.partial else tuple(found)

    def place(self, name: str, state: DatasetState) -> str:
        """Return the id of a part of the page, which holds no name from outside."""
        return f"{name}-{1 + self.content.summary.datasets.index(state)}"

    def of(self, state: DatasetState) -> str:
        """Return of which data something is, with what has to be said of them."""
        return " · ".join((state.dataset, *self.flags(state)))

    def subheading(self, text: str) -> Subheading:
        """Return the name of a part of what is said of a dataset."""
        return Subheading(text, 4 if len(self.content.states) > 1 else 3)

    def by_dataset(self, section: str, make: Callable[[DatasetState], Iterable[Block]]) -> tuple[Block, ...]:
        """Return the blocks of every dataset that has results, below its name where there are several."""
        states = self.content.states
        blocks: list[Block] = []
        for state in states:
            own = list(make(state))
            if own and len(states) > 1:
                blocks.append(Heading(self.place(f"{section}-of", state), state.dataset, self.flags(state)))
            blocks += own
        return tuple(blocks)

    def table(
        self,
        name: str,
        state: DatasetState,
        caption: str,
        columns: Sequence[Column],
        rows: Iterable[Row],
        *,
        names: int = 2,
        foot: Iterable[str] = (),
    ) -> list[Block]:
        """Return a table of a dataset, without the columns that are empty; nothing where it has no rows."""
        made = tuple(rows)
        if not made:
            return []
        place, of = self.place(name, state), self.of(state)
        return [Table(place, caption, tuple(columns), made, names, tuple(foot), of).without_empty_columns()]

    def mean(self, row: SummaryRow, of: Callable[[Any], float | None]) -> float | None:
        """Return the mean of something over a combination's units that have figures; None where one has none."""
        found = [of(look.figures) for _, look in self.content.looks(row) if look.figures["why"] is None]
        known = [value for value in found if value is not None]
        return statistics.fmean(known) if known and len(known) == len(found) else None
