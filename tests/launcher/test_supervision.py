"""What dies is started again: at once, then later and later, and in the end not any more."""

from __future__ import annotations

import pytest

from servers.launcher.supervision import DELAYS, QUICK, Supervisor


class FakeProcess:
    """A process that runs until the test ends it."""

    def __init__(self) -> None:
        self.name, self.pid, self.log = "server", 1, "server.log"
        self.running = False
        self.starts = 0
        self.kills = 0
        self.cannot_start = False

    def start(self) -> None:
        if self.cannot_start:
            raise OSError("no more processes")
        self.running = True
        self.starts += 1

    def ending(self) -> str:
        return "was killed by SIGKILL"

    def kill(self) -> None:
        self.kills += 1

    def tail(self) -> str:
        return "    the reason"


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def world() -> tuple[FakeProcess, Supervisor, Time, list[str]]:
    process, clock, told = FakeProcess(), Time(), []
    supervisor = Supervisor(told.append, clock)
    supervisor.start(process)
    return process, supervisor, clock, told


def test_what_runs_is_left_alone(world):
    process, supervisor, _, told = world
    assert not supervisor.look()
    assert (process.starts, told) == (1, [])


def test_a_death_after_a_long_life_is_followed_by_a_start_at_once_and_said(world):
    process, supervisor, clock, told = world
    clock.now += QUICK + 1
    process.running = False
    while process.starts == 1:
        assert supervisor.look()
    assert clock.now == 100 + QUICK + 1
    assert process.kills == 1
    assert told == ["server was killed by SIGKILL; it was started again (process 1)."]
    assert supervisor.records["server"].restarts == 1


def test_quick_deaths_in_a_row_are_followed_by_growing_delays_and_then_by_giving_up(world):
    process, supervisor, clock, told = world
    delays = []
    while not supervisor.records["server"].given_up:
        process.running = False
        supervisor.look()
        died = clock.now
        while not process.running and not supervisor.records["server"].given_up:
            clock.now += 0.25
            supervisor.look()
        delays.append(clock.now - died)
    assert delays[:-1] == [max(each, 0.25) for each in DELAYS[1:]]
    assert "left down" in told[-1]
    assert "the reason" in told[-1]
    clock.now += 1000
    assert not supervisor.look()
    assert process.starts == len(DELAYS)


def test_a_long_life_makes_up_for_quick_deaths(world):
    process, supervisor, clock, _ = world
    for _ in range(3 * len(DELAYS)):
        clock.now += QUICK + 1
        process.running = False
        supervisor.look()
        supervisor.look()
        assert process.running


def test_a_process_that_cannot_be_started_is_tried_again_and_does_not_end_the_supervision(world):
    process, supervisor, clock, told = world
    clock.now += QUICK + 1
    process.running, process.cannot_start = False, True
    supervisor.look()
    supervisor.look()
    assert supervisor.records["server"].last_ending == "could not be started (no more processes)"
    process.cannot_start = False
    clock.now += max(DELAYS)
    supervisor.look()
    assert process.running
    assert told == ["server could not be started (no more processes); it was started again (process 1)."]
