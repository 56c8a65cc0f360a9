"""GumtreeDetector: an area detector that counts neutrons or photons per pixel."""

from __future__ import annotations

import numpy as np
from tango import AttrQuality, DispLevel

from gumtree_core.devices.detector import Detector, DetectorReading
from gumtree_core.devices.protocols import AreaDetector, DetectorDescription, Gate
from servers.base import published, serve
from servers.counting import CountingDevice, count_rate, live_time

_LARGEST = 8192


class GumtreeDetector(CountingDevice):
    """Counts per pixel. `Start` returns at once, with the state already RUNNING."""

    ui_groups = (
        {"name": "count", "label": "Count"},
        {"name": "geometry", "label": "Geometry", "folded": True},
    )

    image = published(
        "image",
        ((np.uint32,),),
        max_dim_x=_LARGEST,
        max_dim_y=_LARGEST,
        label="Image",
        unit="counts",
        format="%d",
        doc="Counts per pixel, rows are y; at rest the image of the whole count.",
        hint={"group": "count", "widget": "image", "log_y": True},
    )
    counts = published(
        "counts",
        int,
        label="Counts",
        unit="counts",
        format="%d",
        doc="Counts of all pixels in this count.",
        hint={"group": "count"},
    )
    time = live_time()
    rate = count_rate()
    gate = published(
        "gate",
        Gate,
        write="set_gate",
        label="Gate",
        doc="INTERNAL: counts for the exposure time. EXTERNAL: counts while the counter counts.",
        hint={"group": "count"},
    )
    exposure_time = published(
        "exposure_time",
        float,
        write="set_exposure_time",
        label="Exposure time",
        unit="s",
        format="%.3f",
        min_value=0,
        doc="Length of the next count with gate INTERNAL.",
        hint={"group": "count"},
    )
    beam_center_x = published(
        "beam_center_x",
        float,
        write="set_beam_center_x",
        label="Beam center x",
        unit="pixel",
        format="%.3f",
        memorized=True,
        hw_memorized=True,
        doc="Where the direct beam hits; pixel k spans k - 0.5 to k + 0.5.",
        hint={"group": "geometry"},
    )
    beam_center_y = published(
        "beam_center_y",
        float,
        write="set_beam_center_y",
        label="Beam center y",
        unit="pixel",
        format="%.3f",
        memorized=True,
        hw_memorized=True,
        doc="Where the direct beam hits; pixel k spans k - 0.5 to k + 0.5.",
        hint={"group": "geometry"},
    )
    pixel_size_x = published(
        "pixel_size_x",
        float,
        label="Pixel width",
        unit="mm",
        format="%.4f",
        doc="Distance of the centers of two neighbours in a row.",
        hint={"group": "geometry"},
    )
    pixel_size_y = published(
        "pixel_size_y",
        float,
        label="Pixel height",
        unit="mm",
        format="%.4f",
        doc="Distance of the centers of two neighbours in a column.",
        hint={"group": "geometry"},
    )
    dead_time = published(
        "dead_time",
        float,
        label="Dead time",
        unit="s",
        format="%.9f",
        display_level=DispLevel.EXPERT,
        doc="Time for which the whole detector is blind after each count (non-paralysable).",
        hint={"group": "geometry"},
    )

    def init_device(self) -> None:
        """Follow the detector. A count that goes on is followed to its end, also by a new instance."""
        super().init_device()
        if self.renew_core(Detector):
            self._beam_center: dict[str, float] = {}
        settings = {"gate": self.core.gate, "exposure_time": self.core.exposure_time}
        self.publish(**settings, **self._beam_center)
        self.set_written(**settings, **self._beam_center)
        self.follow()

    def _connect(self) -> tuple[AreaDetector, DetectorDescription]:
        controller = self.controller()
        return controller.detector(self.Channel), controller.describe().detectors[self.Channel]

    def show(self, reading: DetectorReading, quality: AttrQuality) -> None:
        """Publish what has been counted, and the image when it is a new one."""
        description = self.core.description
        if description is not None and description is not self._described:
            self._describe(description)
            self._described = description
        self.publish(quality, counts=reading.counts, time=reading.time, rate=reading.rate)
        if reading.image is None:
            self.publish_invalid("image")
        elif reading.image is not self.published_value("image")[0]:
            self.publish(quality, image=reading.image)

    def _describe(self, detector: DetectorDescription) -> None:
        self.publish(
            pixel_size_x=detector.pixel_size_x,
            pixel_size_y=detector.pixel_size_y,
            dead_time=detector.dead_time,
        )
        if detector.label:
            self.configure_attribute("image", label=detector.label)

    def set_gate(self, value: int) -> None:
        """Take what opens the detector in the counts to come."""
        self.core.gate = Gate(value)
        self.publish(gate=self.core.gate)

    def set_exposure_time(self, value: float) -> None:
        """Take the length of the counts to come."""
        self.core.exposure_time = value
        self.publish(exposure_time=value)

    def set_beam_center_x(self, value: float) -> None:
        """Take the column where the direct beam hits."""
        self._beam_center["beam_center_x"] = value
        self.publish(beam_center_x=value)

    def set_beam_center_y(self, value: float) -> None:
        """Take the row where the direct beam hits."""
        self._beam_center["beam_center_y"] = value
        self.publish(beam_center_y=value)


def main() -> None:
    """Run the server."""
    serve(GumtreeDetector)
