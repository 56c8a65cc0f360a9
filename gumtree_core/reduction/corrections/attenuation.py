"""Attenuators: tables of their transmission over wavelength."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError


@dataclass(frozen=True)
class Attenuators:
    """The transmission of each position of an attenuator, measured at some wavelengths.

    Attributes
    ----------
    table
        (attenuator, wavelength) with an axis `wavelength` and, if it has errors, these; attenuator 0 is the
        open position if the table says so. Each entry is one source of error: two runs behind one attenuator
        share it, and it cancels in their ratio.
    """

    table: Dataset

    def __post_init__(self) -> None:
        table = self.table
        if table.dims != ("attenuator", "wavelength") or "wavelength" not in table.axes:
            raise GumtreeError(
                "BAD_ATTENUATION",
                f"A table of attenuators has the dimensions attenuator and wavelength, and an axis for the "
                f"latter; {table.name} has {table.dims}.",
            )
        wavelength = table.axes["wavelength"].values
        if (
            not (np.diff(wavelength) > 0).all()
            or len(wavelength) != table.shape[1]
            or not (wavelength > 0).all()
        ):
            raise GumtreeError(
                "BAD_ATTENUATION", "The wavelengths of the table must be above 0 and increase."
            )
        if not ((table.values > 0) & (table.values <= 1)).all():
            raise GumtreeError(
                "BAD_ATTENUATION",
                f"Transmissions are above 0 and at most 1; the table has {float(np.min(table.values)):g} to "
                f"{float(np.max(table.values)):g}.",
            )

    def transmission(self, attenuator: int, wavelength: float | Dataset) -> Dataset:
        """What an attenuator lets through, with its error; a scalar, or as the wavelengths.

        Between the wavelengths of the table the logarithm is interpolated linearly, as ln T = -mu d and mu
        is nearly proportional to the wavelength (Kline, J. Appl. Cryst. 39 (2006) 895). The error is first
        order, with that of both neighbours.

        Parameters
        ----------
        attenuator
            The row of the table, from 0.
        wavelength
            In angstrom where it is a number.

        Raises
        ------
        GumtreeError
            NO_ATTENUATION where the table has no such row or does not reach to that wavelength: an
            extrapolation would be wrong by an unknown factor.
        """
        rows, known = self.table.shape[0], self.table.axes["wavelength"]
        if not 0 <= attenuator < rows:
            raise GumtreeError(
                "NO_ATTENUATION", f"There is no attenuator {attenuator}; the table has 0 to {rows - 1}."
            )
        asked = wavelength if isinstance(wavelength, Dataset) else Dataset(wavelength, unit="angstrom")
        wanted = np.asarray(asked.to(known.unit or "angstrom").values, dtype=np.float64)
        low, high = float(known.values[0]), float(known.values[-1])
        if not ((wanted >= low) & (wanted <= high)).all():
            raise GumtreeError(
                "NO_ATTENUATION",
                f"The attenuators were measured from {low:g} to {high:g} {known.unit}, not at "
                f"{float(wanted.flat[0]):g}.",
            )
        logarithm: Any = np.log(self.table["attenuator", attenuator])
        points = np.atleast_1d(wanted)
        between = logarithm.interpolate("wavelength", Axis(points, known.unit, ("wavelength",)))
        through: Dataset = np.exp(between)
        if not asked.ndim:
            return through["wavelength", 0].replace(title=f"attenuator {attenuator}", axes={})
        return through.rename(wavelength=asked.dims[0]).replace(title=f"attenuator {attenuator}")


def attenuators(
    wavelengths: np.ndarray, transmissions: np.ndarray, errors: np.ndarray | None = None
) -> Attenuators:
    """Make a table from arrays.

    Parameters
    ----------
    wavelengths
        (wavelength,), in angstrom, increasing.
    transmissions, errors
        (attenuator, wavelength), the second of standard deviations.

    Raises
    ------
    GumtreeError
        BAD_ATTENUATION, BAD_VARIANCES.
    """
    variances = None if errors is None else np.square(np.asarray(errors, dtype=np.float64))
    values = np.asarray(transmissions, dtype=np.float64)
    axis = Axis(np.asarray(wavelengths, dtype=np.float64), "angstrom", ("wavelength",))
    dims = ("attenuator", "wavelength")
    return Attenuators(Dataset(values, variances, dims=dims, axes={"wavelength": axis}, title="attenuators"))
