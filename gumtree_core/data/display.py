"""How a Dataset shows itself: one value with its error, or a summary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from gumtree_core.data.plots import sketch

if TYPE_CHECKING:
    from gumtree_core.data.dataset import Dataset

_TABLE = "border-collapse:collapse;margin:.3em 0;border:none;background:none"
_PLAIN = "text-align:left;border:none;background:none"
_CELL = f"{_PLAIN};vertical-align:top;padding:.1em .8em .1em 0;font-weight:normal"


def formatted(ds: Dataset, specification: str) -> str:
    """Write a scalar as ``value +- error unit``, each number by the specification; else the name."""
    if ds.ndim:
        return ds.name if not specification else f"{ds.name}: [{ds.values.flat[0]:{specification}} ...]"
    specification = specification or ".6g"
    value = format(ds.values.item(), specification)
    if ds.errors is not None:
        value += f" +- {format(ds.errors.item(), specification)}"
    return value + (f" {ds.unit}" if ds.unit else "")


def rows(ds: Dataset) -> list[tuple[str, str]]:
    """Give what the summary says of the data, as (label, text)."""
    result = [("values", f"{ds.dtype}  {_span(ds.values)}")]
    if ds.variances is not None:
        result.append(("errors", f"{_span(ds.variances, np.sqrt)}, {_sources(ds)}"))
    result += [(f"axis {name}", axis.describe()) for name, axis in ds.axes.items()]
    result += [
        (f"mask {name}", f"{np.count_nonzero(mask) / mask.size:.1%} masked")
        for name, mask in ds.masks.items()
        if mask.size
    ]
    return result


def _metadata(values: Mapping[str, Any], inside: str = "") -> list[tuple[str, str]]:
    """Give metadata as (label, text), those of mappings one by one."""
    result = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            result += _metadata(value, f"{inside}{name} / ")
        else:
            result.append((f"{inside}{name}", _short(value)))
    return result


def _sources(ds: Dataset) -> str:
    count = len({term.source.base.id for term in ds.uncertainty.terms})
    return f"{count} source{'s' if count > 1 else ''}"


def _span(array: Any, function: Callable[[Any], Any] = np.asarray) -> str:
    if not array.size:
        return "empty"
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = array[np.isfinite(array)]
        if not finite.size:
            return "nothing finite"
        low, high = finite.min(), finite.max()
    return f"{function(low):.6g} .. {function(high):.6g}"


def _short(value: Any) -> str:
    text = f"{value}" if getattr(value, "ndim", 0) else f"{value}".replace("\n", " ")
    text = text.splitlines()[0] if text else ""
    return text if len(text) <= 60 else text[:57] + "..."


def _heading(ds: Dataset) -> str:
    sizes = ", ".join(f"{name}: {length}" for name, length in ds.sizes.items())
    return f"Dataset{f' {ds.title!r}' if ds.title else ''} ({sizes}) [{ds.unit or 'no unit'}]"


def text(ds: Dataset) -> str:
    """Give the summary for a terminal."""
    if not ds.ndim:
        return f"Dataset({formatted(ds, '')})"
    lines = rows(ds) + [(name, _short(value)) for name, value in ds.metadata.items()]
    width = max(len(label) for label, _ in lines)
    return "\n".join([_heading(ds), *(f"  {label:<{width}}  {what}" for label, what in lines)])


def html(ds: Dataset) -> str:
    """Give the summary for a notebook, with a picture; metadata and history are folded.

    Colours are those of the page, light or dark; all text is escaped.
    """
    cells = rows(ds) if ds.ndim else [("value", formatted(ds, ""))]
    metadata = _metadata(ds.metadata)
    past = "".join(f"<li>{escape(entry)}</li>" for entry in ds.history)
    return (
        f"<div style='color:inherit'><b>{escape(_heading(ds))}</b>"
        "<div style='display:flex;flex-wrap:wrap;gap:2em;align-items:flex-start'>"
        f"<div>{_table(cells)}"
        + (_folded(f"Metadata ({len(metadata)})", _table(metadata)) if metadata else "")
        + (_folded(f"History ({len(ds.history)})", f"<ol style='margin:.3em 0'>{past}</ol>") if past else "")
        + f"</div>{sketch.svg(ds)}</div></div>"
    )


def _table(cells: list[tuple[str, str]]) -> str:
    lines = "".join(
        f"<tr style='background:none'><th style='{_CELL};opacity:.7'>{escape(label)}</th>"
        f"<td style='{_CELL}'>{escape(what)}</td></tr>"
        for label, what in cells
    )
    return f"<table style='{_TABLE}'>{lines}</table>"


def _folded(heading: str, content: str) -> str:
    return f"<details><summary style='cursor:pointer'>{heading}</summary>{content}</details>"
