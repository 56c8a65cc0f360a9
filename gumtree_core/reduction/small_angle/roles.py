"""Which runs of a small-angle measurement can be combined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.reduction.detector.geometry import image, number
from gumtree_core.reduction.runs import check_different

SAME = 1e-3
"""How much distance and wavelength of runs that belong together may differ, relative."""
DISTANCE, WAVELENGTH = ("detector/distance", "mm"), ("instrument/wavelength", "angstrom")


@dataclass(frozen=True)
class Roles:
    """The runs of a reduction by what they show; None where one is not given.

    Attributes
    ----------
    through
        Direct beams through what scatters, by the name of that: sample, cell, flood, standard.
    open_beam
        The empty beam of those, where they were measured in another configuration.
    """

    sample: Run
    empty_cell: Run | None
    blocked_beam: Run | None
    flood: Run | None
    standard: Run | None
    sensitivity_file: Run | None
    direct_beam: Run | None
    open_beam: Run | None
    through: Mapping[str, Run | None]

    def check(self) -> None:
        """Refuse what cannot be combined: one geometry serves all runs, and transmissions are relative.

        Raises
        ------
        GumtreeError
            RUN_TWICE, NO_DIRECT_BEAM, TWO_SENSITIVITIES, RUNS_DIFFER; as `image` of the sample.
        """
        image(self.sample)
        shared = [
            ("empty cell", self.empty_cell),
            ("blocked beam", self.blocked_beam),
            ("direct beam", self.direct_beam),
        ]
        for what, run in (("sample", self.sample), ("flood", self.flood), ("standard", self.standard)):
            check_different([(what, run), (f"direct beam through the {what}", self.through[what]), *shared])
        check_different([("direct beam through the cell", self.through["cell"]), *shared])
        for what, run in self.through.items():
            if run is not None and self.open_beam is None and self.direct_beam is None:
                raise GumtreeError(
                    "NO_DIRECT_BEAM",
                    f"The direct beam through the {what} ({run.name}) says nothing without the empty direct "
                    "beam; give that too.",
                )
        if self.flood is not None and self.sensitivity_file is not None:
            raise GumtreeError(
                "TWO_SENSITIVITIES",
                f"{self.flood.name} and {self.sensitivity_file.name} both give the sensitivity; leave one "
                "out.",
            )
        through = self.through.values()
        here = (self.empty_cell, self.flood, self.direct_beam, self.standard)
        belong_together(self.sample, here, (DISTANCE, WAVELENGTH))
        belong_together(self.sample, (*through, self.open_beam), (WAVELENGTH,))
        belong_together(self.open_beam or self.sample, through, (DISTANCE,))


def belong_together(sample: Run, runs: Iterable[Run | None], keys: Iterable[tuple[str, str]]) -> None:
    """Refuse runs that differ from the sample's by more than 0.1 % in one of the keys (name and unit).

    Raises
    ------
    GumtreeError
        RUNS_DIFFER.
    """
    keys = tuple(keys)
    for run in runs:
        for key, unit in keys:
            if run is None or key not in run or key not in sample:
                continue
            there, here = number(run, key, unit), number(sample, key, unit)
            if abs(there - here) > SAME * abs(here):
                raise GumtreeError(
                    "RUNS_DIFFER",
                    f"{key} is {there:g} {unit} in {run.name} and {here:g} {unit} in {sample.name}; "
                    "choose runs of the same configuration.",
                )
