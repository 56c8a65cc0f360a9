"""Trapezoidal motion: position as a function of time."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """A motion from one moment on, as phases of constant acceleration that end at rest in `end`.

    Attributes
    ----------
    start_time
        When the motion begins, in s.
    start, speed
        Position and signed velocity at that moment.
    phases
        (duration in s, signed acceleration) one after the other.
    end
        Where it comes to rest, exactly.
    limit
        The acceleration this motion may use; what follows it (another target, a stop) uses the same.
    """

    start_time: float
    start: float
    speed: float
    phases: tuple[tuple[float, float], ...]
    end: float
    limit: float

    @property
    def end_time(self) -> float:
        """When it comes to rest, in s."""
        return self.start_time + sum(duration for duration, _ in self.phases)

    def state(self, time: float) -> tuple[float, float]:
        """Position and signed velocity at `time` (before its start: at rest where it begins)."""
        if time >= self.end_time:
            return self.end, 0.0
        if time < self.start_time:
            return self.start, 0.0
        elapsed = time - self.start_time
        position, speed = self.start, self.speed
        for duration, acceleration in self.phases:
            step = min(elapsed, duration)
            position += speed * step + acceleration * step * step / 2
            speed += acceleration * step
            elapsed -= step
            if elapsed <= 0:
                break
        return position, speed


def rest(position: float, time: float = 0.0) -> Profile:
    """No motion at all."""
    return Profile(time, position, 0.0, (), position, math.inf)


def travel(
    time: float, start: float, speed: float, target: float, velocity: float, acceleration: float
) -> Profile:
    """The quickest motion to `target` that starts at any signed speed.

    Accelerate to a peak speed v, cruise, decelerate to rest. With distance d and initial speed u along the
    direction of travel, accelerating and braking take (2 v^2 - u^2) / 2a, hence v = sqrt(a d + u^2 / 2), at
    most `velocity`. A motion that cannot stop in time, or goes the other way, overshoots and comes back.
    """
    stopping_place = start + speed * abs(speed) / (2 * acceleration)
    direction = 1.0 if target >= stopping_place else -1.0
    distance = direction * (target - start)
    along = direction * speed
    peak = min(velocity, math.sqrt(max(acceleration * distance + along * along / 2, 0.0)))
    change = peak - along
    braked = abs(change) * (peak + along) / (2 * acceleration) + peak * peak / (2 * acceleration)
    cruise = max(distance - braked, 0.0) / peak if peak > 0 else 0.0
    phases = (
        (abs(change) / acceleration, math.copysign(acceleration, change) * direction),
        (cruise, 0.0),
        (peak / acceleration, -direction * acceleration),
    )
    return Profile(time, start, speed, phases, target, acceleration)


def braking(time: float, start: float, speed: float, acceleration: float) -> Profile:
    """Decelerate to rest."""
    end = start + speed * abs(speed) / (2 * acceleration)
    phases = ((abs(speed) / acceleration, -math.copysign(acceleration, speed)),)
    return Profile(time, start, speed, phases, end, acceleration)
