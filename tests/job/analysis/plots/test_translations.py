"""Every text of plots and verdicts is in Portuguese, with the same parameters."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from gettext import NullTranslations
from importlib.resources import files
from pathlib import Path

from job import analysis
from job.analysis.plots import PLOTS, Style
from job.analysis.wording import NAMES, Wording, catalogues
from tests.job.analysis.plots.planted import data_of, execution_of

ROOM = Path(analysis.__path__[0])


class Recorder(NullTranslations):
    """Remembers what was to be translated."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        self.asked.add(message)
        return message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        self.asked.add(msgid1)
        return msgid1 if n == 1 else msgid2


def written() -> Iterator[str]:
    """Yield the texts that stand in the code as sentences."""
    for path in (*(ROOM / "plots").glob("*.py"), ROOM / "verdict.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Sentence"
                and node.args
            ):
                msgid = node.args[0]
                if isinstance(msgid, ast.Constant):
                    yield str(msgid.value)


def shown() -> set[str]:
    """Return what plots, their captions and their findings ask for."""
    recorder = Recorder()
    wording = Wording(Wording.of("en_US").locale, recorder)
    store, execution = execution_of([1, 2, 3])
    for plot in PLOTS:
        data = data_of(store, execution, dataset=None if plot.across else "taiwan_credit")
        assert plot.draw(data, Style(wording)) is not None
        plot.alt(data, wording)
        wording.text(plot.title_msgid)
        wording.text(plot.caption_msgid)
    return recorder.asked - set(NAMES.values())


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_everything_that_is_shown_is_in_the_catalogue_with_the_same_parameters() -> None:
    told = {}
    for catalogue in catalogues("pt_BR"):
        for message in catalogue:
            ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
            strings = (message.string,) if isinstance(message.string, str) else tuple(message.string)
            for english, portuguese in zip(ids, strings, strict=True):
                if english:
                    assert portuguese, english
                    assert fields(portuguese) == fields(english), english
            told[ids[0]] = strings
    wanted = shown() | set(written())
    assert len(wanted) > 80
    assert not wanted - told.keys()
    assert (files("job") / "locales" / "pt_BR" / "plots.po").is_file()
