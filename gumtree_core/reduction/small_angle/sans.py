"""What the runs of a small-angle measurement say, and how they become rates and transmissions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from gumtree_core.data import Dataset, scalar
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.files.run import Value
from gumtree_core.reduction.corrections.normalization import Normalization, rate, time_per_monitor
from gumtree_core.reduction.corrections.transmission import beam_intensity
from gumtree_core.reduction.corrections.transmission import transmission as ratio_of_beams
from gumtree_core.reduction.detector.geometry import (
    Array,
    Geometry,
    center_of_mass,
    geometry,
    image,
    number,
)
from gumtree_core.reduction.detector.pixels import QMap
from gumtree_core.reduction.integration.resolution import Pinholes
from gumtree_core.reduction.small_angle.absolute import thickness_in_cm, unattenuated

KEPT = (
    "run/title", "run/number", "instrument/name", "source/probe", "instrument/wavelength",
    "instrument/collimation_length", "detector/distance", "sample/name",
)  # fmt: skip
"""What a curve says of the sample's run."""


@dataclass(frozen=True)
class Counting:
    """How the runs of one configuration become rates.

    Attributes
    ----------
    background
        The blocked beam or dark current, which goes with time; None where it is not subtracted.
    normalization
        To the monitor, or to time.
    zero_count_variance
        Of a pixel that has counted nothing.
    beam_radius
        Within which a direct beam is summed, in mm.
    attenuation
        What the attenuator let through in all direct beams; 0: what each run says.
    """

    background: Run | None
    normalization: Normalization
    zero_count_variance: float
    beam_radius: float
    attenuation: float = 0.0

    def signal(self, run: Run) -> Dataset:
        """The rate of a run less its background, (y, x); see `rate` for units and errors raised.

        The background is subtracted by time, so that a dark run without monitor serves too.
        """
        if self.background is None:
            return self._rate(run, self.normalization)
        signal: Dataset = self._rate(run, "time") - self._background_rate
        return signal if self.normalization == "time" else signal * time_per_monitor(run)

    def direct_beam(self, run: Run, detector: Geometry, sensitivity: Dataset | None = None) -> Dataset:
        """A direct beam as it would be without attenuator: a scalar.

        Parameters
        ----------
        sensitivity
            Of the pixels, (y, x), if the beam is to be what an even detector would have seen.

        Raises
        ------
        GumtreeError
            NO_ATTENUATION, BAD_ATTENUATION; as `rate`.
        """
        signal = self.signal(run) if sensitivity is None else self.signal(run) / sensitivity
        beam = beam_intensity(signal, detector, self.beam_radius)
        return unattenuated(beam, attenuation(run, self.attenuation))

    def transmission(self, through: Run, empty: Run, detector: Geometry) -> Dataset:
        """The ratio of two direct beams, of the configuration that `detector` describes."""
        beams = self.direct_beam(through, detector), self.direct_beam(empty, detector)
        return ratio_of_beams(*beams, (through.name, empty.name))

    def transmission_elsewhere(self, through: Run, empty: Run, pixel_size: float = 0.0) -> Dataset:
        """The same in a configuration of its own, whose background is not known: the beam outshines it.

        `pixel_size`, in mm, is that of the run where it is 0.
        """
        there = geometry(empty, beam_center(empty, empty), pixel_size)
        return replace(self, background=None).transmission(through, empty, there)

    def describe(self, run: Run, transmission: Dataset) -> str:
        """What has been done to the scattering of a run, for people."""
        dead_time = number(run, "detector/dead_time", "s", 0.0)
        through = float(transmission.values)
        done = [
            f"dead time {dead_time:g} s" if dead_time else "",
            f"less {self.background.name}" if self.background is not None else "",
            f"normalised to {self.normalization}",
            f"over its transmission {through:.4f}" if through != 1 else "",
        ]
        return f"{run.name}: {', '.join(each for each in done if each)}"

    @cached_property
    def _background_rate(self) -> Dataset:
        assert self.background is not None
        return self._rate(self.background, "time")

    def _rate(self, run: Run, normalization: Normalization) -> Dataset:
        return rate(run, normalization, zero_count_variance=self.zero_count_variance)


def attenuation(run: Run, given: float = 0.0) -> Dataset:
    """What the attenuator of a direct beam let through: as given, or, for 0, as in its run with its error.

    Raises
    ------
    GumtreeError
        NO_ATTENUATION where neither says it.
    """
    if given:
        return scalar(given)
    if "instrument/attenuation" not in run:
        raise GumtreeError(
            "NO_ATTENUATION",
            f"{run.name} does not say what its attenuator let through. Set `attenuation`, 1 if there was "
            "none.",
        )
    number(run, "instrument/attenuation", "")
    return run.data("instrument/attenuation").squeeze()


def beam_center(run: Run, direct_beam: Run | None, x: float = 0.0, y: float = 0.0) -> tuple[float, float]:
    """The beam centre (x, y) in pixels: each coordinate as given unless 0, else the centre of mass of the
    direct beam, else as the run knows it.

    Raises
    ------
    GumtreeError
        NO_BEAM_CENTER; NO_BEAM where the direct beam has no counts.
    """
    if x and y:
        return x, y
    if direct_beam is not None:
        seen = center_of_mass(image(direct_beam))
        return x or seen[0], y or seen[1]
    if "detector/beam_center_x" not in run or "detector/beam_center_y" not in run:
        raise GumtreeError(
            "NO_BEAM_CENTER",
            f"{run.name} does not know its beam centre. Give the direct beam, or set `beam_center_x` and "
            "`beam_center_y`.",
        )
    return (
        x or number(run, "detector/beam_center_x", "pixel"),
        y or number(run, "detector/beam_center_y", "pixel"),
    )


def of_each_pixel(run: Run, key: str, shape: tuple[int, int]) -> Dataset:
    """What a file says of each pixel, such as `detector/sensitivity` or `detector/mask`, (y, x).

    Raises
    ------
    GumtreeError
        KEY_MISSING; PIXELS_DIFFER where it is for another detector.
    """
    values = run.data(key)
    if values.shape != shape:
        raise GumtreeError(
            "PIXELS_DIFFER",
            f"{key} of {run.name} is of the shape {values.shape} and the detector of {shape}; choose the "
            "file of this detector.",
        )
    return values


def thickness(run: Run, given: float = 0.0) -> Dataset:
    """The thickness of a sample in cm: as given in mm, or, for 0, as in its run.

    Raises
    ------
    GumtreeError
        NO_THICKNESS where neither says it.
    """
    return thickness_in_cm(given or number(run, "sample/thickness", "mm", 0.0), run.name)


def resolution(run: Run, detector: Geometry, q: Array) -> Dataset:
    """Standard deviation of q, (q,), of the instrument as a run describes it, with gravity.

    Raises
    ------
    GumtreeError
        KEY_MISSING, BAD_GEOMETRY where the run does not say enough.
    """
    return Dataset(_pinholes(run, detector).around(q), dims=("q",), unit="1/angstrom")


def resolution_of_pixels(run: Run, detector: Geometry, q_map: QMap) -> dict[str, Dataset]:
    """Standard deviations `dqx` and `dqy` at each pixel, (y, x); as `resolution`.

    Raises
    ------
    GumtreeError
        KEY_MISSING, BAD_GEOMETRY where the run does not say enough.
    """
    spread = _pinholes(run, detector).components(q_map)
    return {
        name: Dataset(values, dims=("y", "x"), unit="1/angstrom")
        for name, values in zip(("dqx", "dqy"), spread, strict=True)
    }


def _pinholes(run: Run, detector: Geometry) -> Pinholes:
    return Pinholes(
        wavelength=number(run, "instrument/wavelength", "angstrom"),
        wavelength_spread=number(run, "instrument/wavelength_spread", ""),
        collimation=number(run, "instrument/collimation_length", "mm"),
        distance=detector.distance + number(run, "instrument/sample_aperture_distance", "mm", 0.0),
        source_aperture=number(run, "instrument/source_aperture", "mm"),
        sample_aperture=number(run, "instrument/sample_aperture", "mm"),
        pixel_size=detector.pixel_size_x,
    )


def said_of(run: Run, detector: Geometry, transmission: Dataset, millimetres: float) -> dict[str, Value]:
    """What a curve says of its sample and of the instrument, under logical keys."""
    known: dict[str, Value] = {key: run[key] for key in KEPT if key in run}
    known["detector/pixel_size_x"] = scalar(detector.pixel_size_x, unit="mm")
    known["detector/pixel_size_y"] = scalar(detector.pixel_size_y, unit="mm")
    known["sample/transmission"] = transmission
    if millimetres or "sample/thickness" in run:
        known["sample/thickness"] = scalar(millimetres or number(run, "sample/thickness", "mm"), unit="mm")
    return known
