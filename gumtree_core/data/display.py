"""How a Dataset shows itself: one value with its error, or a summary."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .dataset import Dataset


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
    """Give what the summary says, as (label, text)."""
    result = [("values", f"{ds.dtype}  {_span(ds.values)}")]
    if ds.errors is not None:
        result.append(("errors", f"{_span(ds.errors)}, {_sources(ds)}"))
    result += [(f"axis {name}", axis.describe()) for name, axis in ds.axes.items()]
    result += [
        (f"mask {name}", f"{np.mean(mask):.1%} masked") for name, mask in ds.masks.items() if mask.size
    ]
    result += [(f"{name}", _short(value)) for name, value in ds.metadata.items()]
    return result


def _sources(ds: Dataset) -> str:
    count = len({term.source.base.id for term in ds.uncertainty.terms})
    return f"{count} source{'s' if count > 1 else ''}"


def _span(array: Any) -> str:
    finite = array[np.isfinite(array)]
    if not finite.size:
        return "empty" if not array.size else "nothing finite"
    return f"{finite.min():.6g} .. {finite.max():.6g}"


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
    lines = rows(ds)
    width = max(len(label) for label, _ in lines)
    return "\n".join([_heading(ds), *(f"  {label:<{width}}  {what}" for label, what in lines)])


def html(ds: Dataset) -> str:
    """Give the summary for a notebook."""
    cells = rows(ds) if ds.ndim else [("value", formatted(ds, ""))]
    table = "".join(
        f"<tr><th style='text-align:left'>{escape(label)}</th><td"
        f" style='text-align:left'>{escape(what)}</td></tr>"
        for label, what in cells
    )
    past = "".join(f"<li>{escape(entry)}</li>" for entry in ds.history)
    return (
        f"<div><b>{escape(_heading(ds))}</b><table>{table}</table>"
        + (f"<details><summary>History</summary><ol>{past}</ol></details>" if past else "")
        + "</div>"
    )
