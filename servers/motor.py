"""GumtreeMotor: one axis of a motor controller."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tango import AttrQuality, DevState, DispLevel
from tango.server import device_property

from gumtree_core.devices.motor import Motor, MotorReading
from gumtree_core.devices.protocols import Axis, AxisDescription
from servers.base import action, published, serve
from servers.hardware import HardwareDevice

_AT_REST = (DevState.ON, DevState.ALARM)


class GumtreeMotor(HardwareDevice):
    """One axis. Writing `position` starts the motion and returns at once, with the state already MOVING."""

    Axis = device_property(dtype=str, default_value="", doc="Name of the axis in its controller.")

    busy_state = DevState.MOVING
    ui_groups = (
        {"name": "motion", "label": "Motion"},
        {"name": "settings", "label": "Settings", "folded": True},
    )

    position = published(
        "position",
        float,
        write="move",
        label="Position",
        format="%.4f",
        doc="Where the axis is. Writing moves it, and is refused while it moves: call Stop first.",
        hint={"group": "motion"},
    )
    limit_switches = published(
        "limit_switches",
        (bool,),
        max_dim_x=2,
        label="Limit switches",
        doc="Whether the low and the high limit switch are active.",
        hint={"group": "motion"},
    )
    velocity = published(
        "velocity",
        float,
        write="set_velocity",
        label="Velocity",
        format="%.4f",
        min_value=0,
        memorized=True,
        hw_memorized=True,
        doc="Velocity of the motions to come.",
        hint={"group": "settings"},
    )
    acceleration = published(
        "acceleration",
        float,
        write="set_acceleration",
        label="Acceleration",
        format="%.4f",
        min_value=0,
        memorized=True,
        hw_memorized=True,
        display_level=DispLevel.EXPERT,
        doc="Acceleration and deceleration of the motions to come.",
        hint={"group": "settings"},
    )
    backlash = published(
        "backlash",
        float,
        write="set_backlash",
        label="Backlash",
        format="%.4f",
        memorized=True,
        hw_memorized=True,
        display_level=DispLevel.EXPERT,
        doc="Each motion ends with at least this length in this direction (sign); 0 goes straight.",
        hint={"group": "settings"},
    )

    def init_device(self) -> None:
        """Follow the axis. A motion that goes on is followed to its end, also by a new instance."""
        super().init_device()
        identity = (self.Controller, self.Axis)
        if getattr(self, "_identity", None) == identity:
            self.core.reset()
        else:
            self._identity = identity
            self.core = Motor(self.get_name(), self._connect)
        self.publish(backlash=self.core.backlash)
        self.follow()

    def _connect(self) -> tuple[Axis, AxisDescription]:
        controller = self.controller()
        axis = controller.axis(self.Axis)
        description = controller.describe().axes[self.Axis]
        unit = self.attribute_config("position").unit or description.unit
        return axis, replace(description, unit=unit)

    # what the thread publishes

    def show(self, reading: MotorReading, quality: AttrQuality) -> None:
        """Publish position and limit switches; once more is known of the axis, its configuration too."""
        description = self.core.description
        if description is not None and description is not self._described:
            self._describe(description, reading)
            self._described = description
        if reading.position is None:
            self.publish_invalid("position", "limit_switches")
            return
        self.publish(quality, position=reading.position)
        self.publish(limit_switches=(reading.at_low_limit, reading.at_high_limit))

    def _describe(self, axis: AxisDescription, reading: MotorReading) -> None:
        limits = {"min_value": axis.low, "max_value": axis.high}
        finite = {key: value for key, value in limits.items() if math.isfinite(value)}
        label = {"label": axis.label} if axis.label else {}
        self.configure_attribute("position", unit=axis.unit, format=axis.format, **label, **finite)
        self.configure_attribute("backlash", unit=axis.unit, format=axis.format)
        per = axis.unit or "1"
        self.configure_attribute("velocity", unit=f"{per}/s")
        self.configure_attribute("acceleration", unit=f"{per}/s^2")
        self.push_hints()
        settings = {"velocity": self.core.velocity, "acceleration": self.core.acceleration}
        self.publish(**settings)
        self.set_written(**settings, backlash=self.core.backlash)
        if reading.position is not None:
            target = self.core.target
            self.set_written(position=reading.position if target is None else target)

    # what clients write and call

    def move(self, target: float) -> None:
        """Start to move; the limits of the attribute's configuration have been checked by Tango."""
        self._take_limits()
        self.core.move(target)
        self.started()

    def set_velocity(self, value: float) -> None:
        """Take the velocity for the motions to come."""
        self.core.velocity = value
        self.publish(velocity=value)

    def set_acceleration(self, value: float) -> None:
        """Take the acceleration for the motions to come."""
        self.core.acceleration = value
        self.publish(acceleration=value)

    def set_backlash(self, value: float) -> None:
        """Take the backlash for the motions to come."""
        self._take_limits()
        self.core.backlash = value
        self.publish(backlash=value)

    @action(doc_in="no argument", hint={"group": "motion"})
    def Stop(self) -> None:
        """Decelerate and stop where it is."""
        self.core.stop()
        self.started()

    @action(doc_in="no argument", display_level=DispLevel.EXPERT, hint={"group": "motion"})
    def Abort(self) -> None:
        """Stop at once, without deceleration; the device is in ALARM until the next motion."""
        self.core.abort()
        self.started()

    @action(
        allowed=_AT_REST,
        doc_in="Distance from the present position, in the unit of position",
        hint={"label": "Move by", "group": "motion"},
    )
    def MoveRelative(self, distance: float) -> None:
        """Move by a distance from the present position."""
        self._take_limits()
        self.set_written(position=self.core.move_relative(distance))
        self.started()

    @action(
        allowed=_AT_REST,
        doc_in="Position that the present place is to have, in the unit of position",
        display_level=DispLevel.EXPERT,
        hint={"label": "Define position", "group": "settings"},
    )
    def DefinePosition(self, position: float) -> None:
        """Call the present place by another position, without motion; the axis' own limits shift with it."""
        self.core.define_position(position)
        self.started()

    def hints(self) -> dict[str, Any]:
        """The hints, with the arguments of commands in the unit of the position."""
        hints = super().hints()
        unit = self.attribute_config("position").unit
        for name, argument, label in (
            ("MoveRelative", "distance", "Distance"),
            ("DefinePosition", "position", "Position"),
        ):
            hints["commands"][name]["argument"] = {
                "name": argument,
                "kind": "float",
                "label": label,
                "unit": unit,
                "required": True,
            }
        return hints

    def _take_limits(self) -> None:
        config = self.attribute_config("position")
        self.core.soft_limits = (_limit(config.min_value, -math.inf), _limit(config.max_value, math.inf))


def _limit(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:  # "Not specified"
        return otherwise


def main() -> None:
    """Run the server."""
    serve(GumtreeMotor)
