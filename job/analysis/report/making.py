"""A report's files made and written: the page, its plots, its tables."""

from __future__ import annotations

from job.analysis.export import tables_of
from job.analysis.libraries import require_report
from job.analysis.plots.files import USUAL_LOCALE, USUAL_METRIC
from job.analysis.publishing import publish
from job.analysis.report.content import gather
from job.analysis.report.figures import draw
from job.analysis.report.page import written
from job.analysis.summary import DECISIVE
from job.analysis.wording import Wording
from job.console import Console
from job.executions.executions import Execution
from job.store import Store, report_key


def page_name(metric: str = USUAL_METRIC, locale: str = USUAL_LOCALE) -> str:
    """Return the name of a page; what is not as usual stands in it."""
    of = "" if metric == USUAL_METRIC else f"-{metric}"
    return f"report{of}.html" if locale == USUAL_LOCALE else f"report{of}.{locale}.html"


def make_report(
    store: Store,
    execution: Execution,
    console: Console,
    *,
    metric: str = USUAL_METRIC,
    locale: str = USUAL_LOCALE,
    force: bool = False,
) -> str:
    """Make an execution's report and write it below ``reports/{execution}/``.

    Parameters
    ----------
    metric : str
        What combinations are compared by.
    locale : {'en_US', 'pt_BR'}
    force : bool
        Write also over files that were changed since they were made.

    Returns
    -------
    str
        Where the page is.

    Raises
    ------
    LibraryMissing
        Where a library is not installed that only pages and plots need.
    UsageError
        Where there is no such metric or locale.
    StorageError
        Where the storage gives not a single result, or takes no files.
    """
    require_report()
    wording = Wording.of(locale)
    content = gather(store, execution, metric, console)
    plots = draw(content, wording)
    name = page_name(metric, locale)
    files = {name: written(content, plots, wording).encode()} | plots.files()
    shown = tuple(dict.fromkeys((metric, *DECISIVE)))
    for to in ("csv", "latex"):
        files |= tables_of(content.summary, content.differences, to, shown)
    publish(store, execution.id, files, console, force=force)
    return store.where(report_key(execution.id, name))
