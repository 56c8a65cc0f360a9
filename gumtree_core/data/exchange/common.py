"""What all forms have in common: optional libraries, errors without their sources, metadata that fit."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from gumtree_core.data.checks import is_dataset
from gumtree_core.data.dataset import Dataset
from gumtree_core.data.metadata import along
from gumtree_core.data.propagation.uncertainty import Floats, warn_lost
from gumtree_core.errors import GumtreeError


def library(name: str) -> Any:
    """Import a library that is not always installed.

    Raises
    ------
    GumtreeError
        LIBRARY_MISSING.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise GumtreeError(
            "LIBRARY_MISSING", f"This needs {package}: pip install 'gumtree-tango[notebook]'."
        ) from error


def independent_variances(ds: Dataset, operation: str) -> Floats | None:
    """Give the variances for a form that holds nothing else.

    Errors that elements have in common give a `CorrelationWarning` that names the operation: who sums the
    elements afterwards gets a wrong error.
    """
    if share_errors(ds):
        warn_lost(
            operation,
            f"elements of {ds.name} have errors in common, which only save() keeps",
        )
    return ds.variances


def share_errors(ds: Dataset) -> bool:
    """Whether elements of a Dataset have errors in common."""
    terms = ds.uncertainty.terms
    if ds.size < 2:
        return False
    families = Counter(term.source.base.id for term in terms)
    return any(
        term.source.correlated or term.selection.repeats(ds.shape) or families[term.source.base.id] > 1
        for term in terms
        if term.coefficient.any()
    )


def fitting(ds: Dataset) -> dict[str, Dataset]:
    """Give the metadata that are numbers, alone or along dimensions of the data."""
    return {
        name: value
        for name, value in ds.metadata.items()
        if is_dataset(value) and len(along(value, ds.sizes)) == value.ndim
    }


def check_names(names: Iterable[str], form: str) -> None:
    """Refuse two things of one name where the other form has one set of names.

    Raises
    ------
    GumtreeError
        NAME_TAKEN.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise GumtreeError(
                "NAME_TAKEN",
                f"{form} has one set of names, and '{name}' would be there {count} times (values, errors,"
                " axes, masks and metadata); rename one with replace().",
            )


def text_of(value: Any) -> str:
    """Text as other libraries hold it: None is empty."""
    return "" if value is None else str(value)


def is_plain(value: Any) -> bool:
    """Whether a value is text or a number."""
    return isinstance(value, str | bool | int | float | np.number | np.bool_)
