"""Single plots of a report with their tables, for those who want no page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from job.analysis.export import tables_of
from job.analysis.libraries import require_report
from job.analysis.plots import PLOTS
from job.analysis.plots.files import files_of
from job.analysis.publishing import publish
from job.analysis.report.content import Content, gather
from job.analysis.summary import DECISIVE, check_techniques
from job.analysis.wording import Wording
from job.console import Console
from job.errors import DatasetNotFound, did_you_mean, shown
from job.executions.executions import Execution
from job.store import Store


def write_plots(
    store: Store,
    execution: Execution,
    console: Console,
    *,
    plots: Sequence[str] | None = None,
    dataset: str | None = None,
    metric: str = "balanced_accuracy",
    techniques: Sequence[str] = (),
    locale: str = "en_US",
    force: bool = False,
) -> list[str]:
    """Write plots as SVG and PNG and their tables as CSV and LaTeX below ``reports/{execution}/``.

    Parameters
    ----------
    plots : sequence of str, optional
        Their ids; all without it, and the tables of the comparison and of all pairs.
    dataset : str, optional
        Only of this one, also what is otherwise over all datasets.
    techniques : sequence of str
        Only these are shown; all without any.
    force : bool
        Write also over files that were changed since they were made.

    Returns
    -------
    list of str
        The keys of the files.

    Raises
    ------
    LibraryMissing
        Where a library is not installed that only pages and plots need.
    DatasetNotFound, UsageError
        Where the execution has no such dataset or technique, or there is no such metric or locale.
    StorageError
        Where the storage gives not a single result, or takes no files.
    """
    require_report()
    wording = Wording.of(locale)
    if dataset is not None and dataset not in execution.spec.datasets:
        raise DatasetNotFound(
            f"{execution.id} has no dataset {shown(dataset)}", did_you_mean(dataset, execution.spec.datasets)
        )
    check_techniques(execution, techniques)
    content = gather(store, execution, metric, console)
    files: dict[str, bytes] = {}
    if plots is None:
        for to in ("csv", "latex"):
            files |= tables_of(content.summary, content.differences, to, tuple(dict.fromkeys((metric, *DECISIVE))))
    for plot in PLOTS:
        if plots is None or plot.id in plots:
            for name in [dataset] if plot.across else _datasets(content, dataset):
                data = replace(content.plotted(name), techniques=frozenset(techniques) or None)
                made = files_of(plot, data, wording)
                if not made:
                    of = "" if name is None else f" of {name}"
                    console.info("nothing_to_show", f"{plot.id}{of}: {plot.alt(data, wording)}")
                files |= made
    return publish(store, execution.id, files, console, force=force)


def _datasets(content: Content, dataset: str | None) -> list[str]:
    return [state.dataset for state in content.states if dataset in (None, state.dataset)]
