"""What was scanned: the coordinate of the points of a run."""

from __future__ import annotations

import numpy as np

from gumtree_core.data import Axis
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run

POINT = "point"


def scanned(run: Run, motor: str = "") -> tuple[str, Axis]:
    """The name and the coordinate of the points of a scan.

    Parameters
    ----------
    run
        With counts along `point`.
    motor
        Whose positions are wanted; unless given, the one that the run names as its actuator, else the one
        that the file plots the counts over, else the number of the point.

    Raises
    ------
    GumtreeError
        NOT_SCANNED where that motor has no position for each point.
    """
    counts = run.data("detector/counts")
    points = counts.sizes.get(POINT, 1)
    name = motor or run.text("run/actuator")
    key = f"motor/{name}"
    if name and key in run and run.data(key).shape == (points,):
        positions = run.data(key)
        return name, Axis(np.asarray(positions.values, dtype=np.float64), positions.unit, (POINT,))
    if motor:
        moved = [each for each in run if each.startswith("motor/") and run.data(each).shape == (points,)]
        raise GumtreeError(
            "NOT_SCANNED",
            f"{run.name} has no position of {motor} for each of its {points} points. It has those of: "
            f"{', '.join(each.removeprefix('motor/') for each in moved) or 'none'}.",
        )
    for axis_name, axis in counts.axes.items():
        if axis.dims == (POINT,) and len(axis.values) == points:
            return axis_name, axis
    return POINT, Axis(np.arange(points, dtype=np.float64), "", (POINT,))
