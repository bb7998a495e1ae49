"""Figures as SVG and PNG: text stays text, no style that a page's policy would refuse, ids of their own, no date."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from job.analysis.plots.style import PALETTE, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
DPI = 160
_CLASSES = {colour: name for name, colour in PALETTE.items()}
_FOREIGN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # no characters of XML
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"^(?P<rest>.*?)\s*(?P<size>[\d.]+)px")
# What matplotlib says of every element that it says of all, or that SVG has anyway.
_USUAL = {"stroke-linejoin": "round", "stroke-linecap": "butt", "fill-opacity": "1", "stroke-opacity": "1"}
_PRECISE = frozenset({"d", "x", "y", "transform", "width", "height", "points", "font-size", "stroke-width"})


def to_svg(figure: Figure, prefix: str) -> str:
    """Return a figure as an ``svg`` element for a page.

    It has no styles of its own: ``fill-…`` and ``stroke-…`` are the classes of the colours in
    :data:`job.analysis.plots.style.PALETTE`, which the page defines; every other colour is an attribute. It is as wide
    as the page lets it be.

    Parameters
    ----------
    prefix : str
        What its ids begin with.
    """
    return ET.tostring(_rewritten(figure, prefix), encoding="unicode")


def standalone_svg(figure: Figure) -> str:
    """Return a figure as an SVG file, with the colours for white paper."""
    root = _rewritten(figure, "p")
    _, _, width, height = root.attrib["viewBox"].split()
    root.set("width", f"{width}pt")
    root.set("height", f"{height}pt")
    styles = ET.Element("style")
    lines = [f"text{{font-family:{FONTS}}}"]
    lines += [f".{what}-{name}{{{what}:{colour}}}" for name, colour in PALETTE.items() for what in ("fill", "stroke")]
    styles.text = "".join(lines)
    root.insert(0, styles)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def to_png(figure: Figure) -> bytes:
    """Return a figure as a PNG on white."""
    out = io.BytesIO()
    with drawing():
        figure.savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()


def _rewritten(figure: Figure, prefix: str) -> ET.Element:
    out = io.StringIO()
    with drawing():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ET.fromstring(_FOREIGN.sub("", out.getvalue()))  # noqa: S314 - matplotlib's own
    _drop(root)
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        _plain(element, prefix, used)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("xmlns", SVG)
    root.set("stroke-linejoin", "round")
    return _collapsed(root)


def _drop(parent: ET.Element) -> None:
    """Take out metadata, styles, and what is empty."""
    for child in list(parent):
        _drop(child)
        name = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else ""
        if name in ("metadata", "style", "") or (name in ("defs", "g") and not len(child)):
            parent.remove(child)


def _references(element: ET.Element) -> list[str]:
    found = [value for one in element.attrib.values() for value in _REFERENCE.findall(one)]
    link = element.get(f"{{{XLINK}}}href")
    return found if link is None else [*found, link.removeprefix("#")]


def _plain(element: ET.Element, prefix: str, used: set[str]) -> None:
    """Give an element attributes for its styles, classes for its colours, a prefix for its id, and fewer digits."""
    element.tag = element.tag.rpartition("}")[2]
    element.text = element.text if element.tag == "text" else None
    element.tail = None
    said = dict(element.attrib)
    element.attrib.clear()
    styles = [part.partition(":") for part in said.pop("style", "").split(";") if part.strip()]
    said |= {name.strip(): value.strip() for name, _, value in styles}
    link = said.pop(f"{{{XLINK}}}href", None)
    if link is not None:
        said["href"] = f"#{prefix}-{link.removeprefix('#')}"
    _font(said)
    if said.get("transform", "").startswith("rotate(-0 "):
        del said["transform"]
    classes = [
        f"{what}-{_CLASSES[said.pop(what)]}" for what in ("fill", "stroke") if said.get(what, "").lower() in _CLASSES
    ]
    if classes:
        said["class"] = " ".join(classes)
    for name, value in said.items():
        if name == "id":
            if value in used:
                element.set("id", f"{prefix}-{value}")
        elif _USUAL.get(name) != value:
            made = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
            element.set(name, " ".join(_NUMBER.sub(_shorter, made).split()) if name in _PRECISE else made)


def _font(said: dict[str, str]) -> None:
    said.pop("font-family", None)  # the page's own
    font = _FONT.match(said.pop("font", ""))
    if font is None:
        return
    said["font-size"] = font["size"]
    if "bold" in font["rest"] or "700" in font["rest"]:
        said["font-weight"] = "bold"


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number.group()):.2f}".rstrip("0").rstrip(".")


def _collapsed(parent: ET.Element) -> ET.Element:
    """Take away groups that say nothing."""
    kept: list[ET.Element] = []
    for child in parent:
        _collapsed(child)
        kept += list(child) if child.tag == "g" and not child.attrib else [child]
    parent[:] = kept
    return parent
