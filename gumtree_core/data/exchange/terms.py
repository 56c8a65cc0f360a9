"""The sources of error as plain arrays, numbers and text, for files.

A tree is a dictionary of arrays, text, numbers and further trees. A term and what it needs are trees of their
own; sources go by their identity, so that what several Datasets share is written once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from gumtree_core.data.propagation.selection import Array, Selection, Shape
from gumtree_core.data.propagation.uncertainty import (
    Recipe,
    Source,
    Term,
    Uncertainty,
)

Tree: TypeAlias = "dict[str, Any]"


def sources_of(uncertainty: Uncertainty) -> list[Source]:
    """Give all sources, those that folds are made of before the folds."""
    found: dict[str, Source] = {}

    def add(source: Source) -> None:
        if source.id not in found:
            if source.recipe is not None:
                add(source.recipe.parent)
            found[source.id] = source

    for term in uncertainty.terms:
        add(term.source)
    return list(found.values())


def of_source(source: Source) -> Tree:
    """Write a source as a tree; what it is made of goes by its identity."""
    made: Tree = {"identity": source.id, "variances": source.variances}
    if source.ancestors:
        made["ancestors"] = sorted(source.ancestors)
    if source.correlated:
        made["correlated"] = 1
    if (recipe := source.recipe) is not None:
        made["recipe"] = {
            "parent": recipe.parent.id,
            "shape": np.array(recipe.shape, dtype=np.int64),
            "columns": _of_selection(recipe.columns),
            "rows": _of_selection(recipe.rows),
            "coefficient": _of_coefficient(recipe.coefficient),
        }
    return made


def to_source(tree: Mapping[str, Any], known: Mapping[str, Source]) -> Source:
    """Read a source; `known` holds those before it, by identity.

    Raises
    ------
    KeyError, TypeError, ValueError
        Where the tree is no source.
    """
    variances = np.ascontiguousarray(tree["variances"], dtype=np.float64)
    if variances.ndim != 1 or bool((variances < 0).any()):
        raise ValueError("the variances of a source are negative or of several dimensions")
    recipe = None
    if "recipe" in tree:
        form = tree["recipe"]
        parent, shape = known[form["parent"]], _shape(form["shape"])
        columns = _to_selection(form["columns"], shape, parent.variances.size, 0)
        rows = _to_selection(form["rows"], shape, variances.size, -1)
        recipe = Recipe(parent, columns, rows, _to_coefficient(form["coefficient"], shape), shape)
    return Source(
        variances,
        str(tree["identity"]),
        recipe,
        frozenset(str(each) for each in tree.get("ancestors", ())),
        bool(tree.get("correlated", 0)),
    )


def of_term(term: Term) -> Tree:
    """Write a term as a tree; its source goes by its identity."""
    return {
        "source": term.source.id,
        "selection": _of_selection(term.selection),
        "coefficient": _of_coefficient(term.coefficient),
    }


def to_uncertainty(
    trees: Iterable[Mapping[str, Any]], known: Mapping[str, Source], shape: Shape
) -> Uncertainty:
    """Read the terms of an array of `shape`.

    Raises
    ------
    KeyError, TypeError, ValueError
        Where a tree is no term of such an array.
    """
    terms = []
    for tree in trees:
        source = known[tree["source"]]
        selection = _to_selection(tree["selection"], shape, source.variances.size, 0)
        terms.append(Term(source, selection, _to_coefficient(tree["coefficient"], shape)))
    return Uncertainty(tuple(terms))


def _of_selection(selection: Selection) -> Tree:
    made: Tree = {"offset": selection.offset, "strides": np.array(selection.strides, dtype=np.int64)}
    if selection.table is not None:
        made["table"] = selection.table
    return made


def _to_selection(tree: Mapping[str, Any], shape: Shape, size: int, lowest: int) -> Selection:
    """Read a selection of an array of `shape`; kernels trust that it stays inside of its source."""
    strides = _shape(tree["strides"])
    offset = int(tree["offset"])
    table = None
    if "table" in tree:
        table = np.ascontiguousarray(tree["table"], dtype=np.intp)
        _check_broadcast(table.shape, shape)
        low, high = (int(table.min()), int(table.max())) if table.size else (0, -1)
    else:
        reach = [(n - 1) * stride for n, stride in zip(shape, strides, strict=True)]
        low = offset + sum(r for r in reach if r < 0)
        high = offset + sum(r for r in reach if r > 0)
    if len(strides) != len(shape) or (0 not in shape and not lowest <= low <= high < size):
        raise ValueError(f"elements {low} to {high} of a source of {size} are said to stand behind the data")
    return Selection(offset, strides, table)


def _of_coefficient(coefficient: Array) -> Tree:
    """Write an array without its repetitions, but with its shape: identities depend on it."""
    once = tuple(slice(None) if stride else slice(0, 1) for stride in coefficient.strides)
    return {"values": coefficient[once], "shape": np.array(coefficient.shape, dtype=np.int64)}


def _to_coefficient(tree: Mapping[str, Any], shape: Shape) -> Array:
    own = _shape(tree["shape"])
    _check_broadcast(own, shape)
    values = np.asarray(tree["values"], dtype=np.float64, order="C")
    return values if values.shape == own else np.broadcast_to(values, own)


def _check_broadcast(own: Shape, shape: Shape) -> None:
    if len(own) != len(shape) or any(n not in (1, m) for n, m in zip(own, shape, strict=True)):
        raise ValueError(f"coefficients of shape {own} do not fit data of shape {shape}")


def _shape(numbers: Any) -> Shape:
    return tuple(int(n) for n in np.atleast_1d(numbers))
