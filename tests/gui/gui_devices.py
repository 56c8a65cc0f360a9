"""Small Tango devices to show: a motor, a detector, a reduction with members that come at run time."""

import sys
import time

import numpy as np
import tango
from tango import AttrWriteType, DevState
from tango.server import Device, attribute, command, run

from servers.base import GumtreeDevice, action, published

RW = AttrWriteType.READ_WRITE
MOTION = 0.4
"""Seconds that each motion takes."""


class Motor(GumtreeDevice):
    """Moves to where it is sent."""

    position = published(
        "position",
        float,
        write="move",
        label="Position",
        unit="mm",
        format="%.4f",
        min_value=-200,
        max_value=800,
        doc="Where the axis is.",
    )
    velocity = published(
        "velocity", float, write="set_velocity", label="Velocity", unit="mm/s", format="%.3f", min_value=0.001
    )
    backlash = published(
        "backlash",
        float,
        write="set_backlash",
        label="Backlash",
        unit="mm",
        display_level=tango.DispLevel.EXPERT,
    )
    enabled = published("enabled", bool, write="set_enabled", label="Drive enabled")
    limit_switches = published("limit_switches", (bool,), max_dim_x=2, label="Limit switches (low, high)")
    moves = published("moves", int, label="Moves so far", hint={"hidden": True})

    def init_device(self):
        super().init_device()
        self.published_moves = 0
        self.publish(
            position=12.5, velocity=10.0, backlash=0.1, enabled=True, limit_switches=[False, False], moves=0
        )
        self.set_written(position=12.5, velocity=10.0, backlash=0.1, enabled=True)
        self.publish_state(DevState.ON, "At rest.")

    def move(self, target):
        self.publish_state(DevState.MOVING, f"Moving to {target:g} mm.")
        start = self.published_value("position")[0]

        def work(stopping):
            steps = 8
            for step in range(1, steps + 1):
                if stopping.wait(MOTION / steps):
                    return
                self.publish(position=start + (target - start) * step / steps)
            self.publish_state(DevState.ON, "At rest.")

        self.start_thread(work, "motion")

    def set_velocity(self, value):
        self.publish(velocity=value)

    def set_backlash(self, value):
        self.publish(backlash=value)

    def set_enabled(self, value):
        self.publish(enabled=value)

    @action(allowed=[DevState.MOVING])
    def Stop(self):
        """Decelerate and stop."""
        self.publish_state(DevState.ON, "Stopped.")

    @action(
        allowed=[DevState.ON],
        dtype_in=float,
        hint={"argument": {"label": "Distance", "unit": "mm", "minimum": -5, "maximum": 5}},
    )
    def MoveRelative(self, distance):
        """Move by a distance."""
        self.move(self.published_value("position")[0] + distance)


class Detector(GumtreeDevice):
    """Shows one image: a ring, and one bright pixel at x = 4, y = 5."""

    exposure_time = published("exposure_time", float, write="set_exposure", label="Exposure time", unit="s")
    image = published(
        "image",
        ((np.uint32,),),
        max_dim_x=512,
        max_dim_y=512,
        label="Counts",
        unit="counts",
        hint={"widget": "image", "log_y": True},
    )
    counts = published("counts", int, label="Total counts", unit="counts")
    rate = published("rate", float, label="Count rate", unit="1/s", format="%.1f")

    def init_device(self):
        super().init_device()
        y, x = np.mgrid[:192, :192]
        r = np.hypot(x - 95.5, y - 100.0)
        image = np.random.default_rng(1).poisson(2e4 / (1 + (r / 6) ** 3) + 1.0).astype(np.uint32)
        image[r < 7] = 0
        image[5, 4] = 5000
        self.publish(image=image, counts=int(image.sum()), rate=1234.5, exposure_time=60.0)
        self.set_written(exposure_time=60.0)
        self.publish_state(DevState.ON, "Ready.")

    def set_exposure(self, value):
        self.publish(exposure_time=value)

    @action(allowed=[DevState.ON])
    def Start(self):
        """Count."""


class Reduction(GumtreeDevice):
    """A script's curve, and parameters that come when a script is loaded."""

    ui_groups = (
        {"name": "script", "label": "Script"},
        {"name": "sample", "label": "Sample"},
        {"name": "advanced", "label": "Advanced", "folded": True},
        {"name": "progress", "label": "Progress"},
    )
    script = published(
        "script", str, write="load", label="Script", hint={"group": "script", "choices": ["none", "sans"]}
    )
    progress = published(
        "progress", float, label="Progress", unit="%", hint={"group": "progress", "widget": "progress"}
    )
    log = published("log", (str,), max_dim_x=100, label="Log", hint={"group": "progress", "widget": "log"})
    iq = published(
        "iq",
        (float,),
        max_dim_x=1000,
        label="I(q)",
        unit="1/cm",
        hint={"widget": "curve", "x": "iq_q", "errors": "iq_errors", "log_x": True, "log_y": True},
    )
    iq_errors = published("iq_errors", (float,), max_dim_x=1000, label="Error", hint={"hidden": True})
    iq_q = published("iq_q", (float,), max_dim_x=1000, label="q", unit="1/Å", hint={"hidden": True})

    def init_device(self):
        super().init_device()
        self.extra_hints = {}
        q = np.geomspace(0.005, 0.3, 80)
        iq = 100 * np.exp(-((q * 40) ** 2) / 3) + 0.01 / q + 0.05
        errors = 0.02 * iq + 0.01
        self.publish(script="none", progress=40.0, log=["Loaded.", "Reading run 12."])
        self.publish(iq=iq, iq_errors=errors, iq_q=q)
        self.set_written(script="none")
        self.publish_state(DevState.ON, "Ready.")

    def load(self, name):
        if name == "sans":
            self.extra_hints = {"transmission": {"group": "sample"}, "thickness": {"group": "sample"}}
            for each, label, unit in (("transmission", "Transmission", ""), ("thickness", "Thickness", "mm")):
                self.add_attribute(
                    attribute(
                        name=each,
                        dtype=float,
                        access=RW,
                        label=label,
                        unit=unit,
                        min_value=0,
                        max_value=10,
                        fget=self.read_extra,
                        fset=self.write_extra,
                    )
                )
        self.publish(script=name)

    def read_extra(self, attr):
        return 1.0

    def write_extra(self, attr):
        pass

    def hints(self):
        hints = super().hints()
        return {**hints, "overview": True, "attributes": {**hints["attributes"], **self.extra_hints}}

    @action(allowed=[DevState.ON], hint={"confirm": "Reduce now?", "group": "sample"})
    def Reduce(self):
        """Reduce the run."""

    @action(allowed=[DevState.ON], dtype_in=bool, dtype_out=str, hint={"argument": {"label": "Live"}})
    def Follow(self, live):
        """Follow the detector or not."""
        return f"follow {live}"

    @action(allowed=[DevState.ON], dtype_in=str, dtype_out=str)
    def Note(self, text):
        """Write a line into the log."""
        return f"noted <{text}>"

    @action(dtype_out=str)
    def Fail(self):
        """Fail as a script may."""
        raise ValueError("the monitor of run 12 counted nothing")


class Foreign(Device):
    """A device of somebody else: no hints, no events."""

    temperature = attribute(dtype=float, unit="ADU", format="%6.2f", max_value=300.0, fget="read_temperature")
    set_point = attribute(dtype=float, access=RW, max_value=300.0)
    mode = attribute(dtype=tango.DevEnum, enum_labels=["Off", "Fast", "Slow"], access=RW)

    def init_device(self):
        super().init_device()
        self._set_point, self._mode, self._reads = 20.0, 1, 0
        self.set_state(DevState.ON)
        self.get_device_attr().get_w_attr_by_name("set_point").set_write_value(20.0)

    def read_temperature(self):
        self._reads += 1
        return 4e-5 + self._reads

    def read_set_point(self):
        return self._set_point

    def write_set_point(self, value):
        self._set_point = value

    def read_mode(self):
        return self._mode

    def write_mode(self, value):
        self._mode = value

    @command(dtype_in=float)
    def Ramp(self, rate):
        """Change slowly."""
        self._set_point = rate

    @command
    def SleepLong(self):
        """Keep the caller waiting."""
        time.sleep(2.0)


class Renewing(Device):
    """A device of somebody else which removes its attributes and makes them anew, and another besides."""

    def init_device(self):
        super().init_device()
        self._signal, self._made = 0.0, []
        self.Renew()
        self.set_state(DevState.ON)

    @command
    def Renew(self):
        """Remove all attributes; make them and one more."""
        for name in self._made:
            self.remove_attribute(name, clean_db=False)  # there is no database
        self._made = ["signal", *(f"more_{k}" for k in range(len(self._made)))]
        for name in self._made:
            self.add_attribute(attribute(name=name, dtype=float, fget=self.read_signal))
            self.set_change_event(name, True, False)

    def read_signal(self, attr):
        return self._signal

    @command(dtype_in=float)
    def Push(self, value):
        """Push an event."""
        self._signal = value
        self.push_change_event("signal", value)


class Fast(GumtreeDevice):
    """Pushes fifty numbers 500 times a second in all."""

    names = tuple(f"value_{i:02d}" for i in range(50))
    sent = published("sent", float, label="Sent at", unit="s")

    def init_device(self):
        super().init_device()
        for name in self.names:
            self.add_attribute(attribute(name=name, dtype=float, fget=self.read_one))
            self.set_change_event(name, True, False)
        self.publish_state(DevState.RUNNING, "Pushing.")
        self.start_thread(self.push, "push")

    def read_one(self, attr):
        return 0.0

    def push(self, stopping):
        period = 1.0 / 500
        due = time.monotonic()
        count = 0
        while not stopping.is_set():
            count += 1
            for name in self.names[:10]:
                self.push_change_event(name, float(count))
            self.publish(sent=time.time())
            due += period
            stopping.wait(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    wanted = sys.argv[sys.argv.index("-dlist") + 1]
    run(
        [
            each
            for each in (Motor, Detector, Reduction, Foreign, Renewing, Fast)
            if f"{each.__name__}::" in wanted
        ]
    )
