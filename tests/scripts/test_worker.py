"""The worker process survives whatever a script does, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.scripts.worker import ScriptWorker

SCRIPT = '''
from __future__ import annotations

import ctypes, os, subprocess, sys, threading, time
from pathlib import Path
from gumtree_core.data import Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run
from gumtree_core.scripts import Script, action, parameter, result


class OwnError(GumtreeError):
    pass


class Trials(Script):
    """Do all that a script should not."""

    factor: float = parameter(2.0, ge=0, le=10, unit="mm")
    numbers: list[float] = parameter([1.0])
    sample: Run | None = parameter(None, live=True)
    total = result()
    curve = result(ndim=1, x="q")

    @action()
    def work(self):
        self.progress(0.25, "a quarter")
        self.log("one")
        self.log("two")
        self.progress(1)
        numbers = self.numbers
        numbers.append(5)
        self.total = self.factor * sum(numbers)

    @action(live=True)
    def add(self):
        self.curve = self.sample.data("detector/counts")

    @action()
    def loop(self):
        self.log(f"pid {os.getpid()}")
        while True:
            pass

    @action()
    def spawn(self):
        child = subprocess.Popen(["sleep", "300"])
        self.log(f"pid {child.pid}")
        while True:
            pass

    @action()
    def spawn_and_die(self):
        child = subprocess.Popen(["sleep", "300"])
        self.log(f"pid {child.pid}")
        os._exit(3)

    @action()
    def chatter(self):
        while True:
            self.log("again")

    @action()
    def leave(self):
        os._exit(3)

    @action()
    def segfault(self):
        ctypes.string_at(0)

    @action()
    def end(self):
        sys.exit("enough")

    @action()
    def eat(self):
        self.total = len(bytearray(10**11))

    @action()
    def divide(self):
        nothing = 0
        self.total = 1 / nothing

    @action()
    def complain(self):
        raise OwnError("OWN_REASON", "This sample is too thick.")

    @action()
    def strange(self):
        self.total = (each for each in [1, 2])

    @action()
    def strange_subclass(self):
        class Own(Dataset):
            pass

        self.curve = Own([1.0])

    @action()
    def too_flat(self):
        self.curve = 1.0

    @action()
    def unportable(self):
        self.curve = Dataset([1.0], metadata={"how": lambda: 1})

    @action()
    def dig(self):
        self.dig()

    @action()
    def tell(self):
        print("one")
        print("two", "three", end="")
        sys.stdout.close()

    @action()
    def die_later(self):
        threading.Timer(0.05, os._exit, [4]).start()
'''


class Heard:
    def __init__(self) -> None:
        self.reports: list[tuple[float | None, str]] = []

    def __call__(self, fraction: float | None, text: str) -> None:
        self.reports.append((fraction, text))

    def texts(self) -> list[str]:
        return [text for _, text in self.reports]

    def pid(self) -> int:
        return next((int(text.split()[1]) for text in self.texts() if text.startswith("pid ")), 0)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scripts") / "trials.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[ScriptWorker, Heard]]:
    heard = Heard()
    worker = ScriptWorker(heard, memory_limit=8_000_000_000)
    yield worker, heard
    worker.close()


@pytest.fixture
def heard(shared: tuple[ScriptWorker, Heard]) -> Heard:
    shared[1].reports.clear()
    return shared[1]


@pytest.fixture
def worker(shared: tuple[ScriptWorker, Heard], heard: Heard) -> ScriptWorker:
    return shared[0]


def failure(call: Callable[..., Any], *arguments: Any) -> GumtreeError:
    with pytest.raises(GumtreeError) as caught:
        call(*arguments)
    return caught.value


def runs(worker: ScriptWorker, path: Path) -> bool:
    return worker.run(path, "work", {}, None).results == {"total": 2.0 * (1 + 5)}


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_loading_tells_the_interface_and_what_follows_a_detector(worker, path):
    loaded = worker.load(path)
    assert loaded.interface.name == "Trials"
    assert loaded.interface.parameter("factor").maximum == 10
    assert (loaded.live_action, loaded.live_parameter) == ("add", "sample")


def test_loading_keeps_the_values_of_before_that_the_script_takes(worker, heard, path):
    loaded = worker.load(path, {"factor": 11, "numbers": [1, 2], "gone": 3, "sample": "later.nxs"})
    assert loaded.parameters == {"numbers": [1.0, 2.0], "sample": "later.nxs"}
    assert [text.partition(":")[0] for text in heard.texts()] == [
        "factor cannot be 11 mm",
        "There is no parameter gone. There are",
    ]


def test_progress_and_log_arrive_in_order_before_the_result(worker, heard, path):
    assert worker.run(path, "work", {"factor": 3}, None).results == {"total": 18}
    assert heard.reports == [(0.25, "a quarter"), (None, "one"), (None, "two"), (1.0, "")]


def test_a_script_that_changes_its_default_in_place_does_not_change_the_next_run(worker, path):
    assert runs(worker, path)
    assert runs(worker, path)


def test_a_live_run_is_given_and_a_curve_comes_back_with_its_errors(worker, path):
    counts = Dataset(np.array([4.0, 9.0]), "poisson")
    outcome = worker.run(path, "add", {"sample": Run({"detector/counts": counts})}, None)
    curve = outcome.results["curve"]
    np.testing.assert_array_equal(curve.values, [4, 9])
    np.testing.assert_array_equal(curve.errors, [2, 3])


def test_a_changed_file_is_run_as_it_is_now_even_within_the_same_second(worker, tmp_path):
    path = tmp_path / "changing.py"
    path.write_text(SCRIPT)
    assert runs(worker, path)
    before = path.stat()
    path.write_text(SCRIPT.replace("= self.factor *", "= 7.00000 + 0 *"))
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert worker.run(path, "work", {}, None).results == {"total": 7}
    assert not (tmp_path / "__pycache__").exists()


def test_an_endless_loop_is_stopped_and_the_next_run_works(worker, heard, path, wait_until):
    with ThreadPoolExecutor() as threads:
        running = threads.submit(failure, worker.run, path, "loop", {}, None)
        wait_until(heard.pid)
        worker.stop()
        assert running.result(5).reason == "SCRIPT_STOPPED"
    assert gone(heard.pid())
    assert runs(worker, path)


def test_what_a_script_has_started_dies_when_it_is_stopped(worker, heard, path, wait_until):
    with ThreadPoolExecutor() as threads:
        running = threads.submit(failure, worker.run, path, "spawn", {}, None)
        wait_until(heard.pid)
        assert not gone(heard.pid())
        worker.stop()
        assert running.result(5).reason == "SCRIPT_STOPPED"
    wait_until(lambda: gone(heard.pid()))


def test_what_a_script_has_started_dies_when_it_crashes(worker, heard, path, wait_until):
    assert failure(worker.run, path, "spawn_and_die", {}, None).reason == "SCRIPT_CRASHED"
    wait_until(lambda: gone(heard.pid()))


@pytest.mark.parametrize("action", ["spawn", "chatter"])
def test_the_time_limit_ends_a_script_with_all_that_it_has_started(path, action, wait_until):
    heard = Heard()
    worker = ScriptWorker(heard, time_limit=5)
    try:
        worker.load(path)  # warm, so that the short limit is that of the script alone
        worker._time_limit = 0.3
        error = failure(worker.run, path, action, {}, None)
        assert error.reason == "SCRIPT_TIMEOUT"
        assert "more than 0.3 s" in error.message
        if action == "spawn":
            wait_until(lambda: gone(heard.pid()))
    finally:
        worker.close()


@pytest.mark.parametrize(("action", "how"), [("leave", "exit code 3"), ("segfault", "SIGSEGV")])
def test_a_crash_is_told_and_the_next_run_works(worker, path, action, how):
    error = failure(worker.run, path, action, {}, None)
    assert (error.reason, error.message) == ("SCRIPT_CRASHED", f"The script's process died ({how}).")
    assert runs(worker, path)


def test_a_process_that_died_between_two_runs_is_replaced(worker, path, wait_until):
    process = worker._process.result()
    worker.run(path, "die_later", {}, None)
    wait_until(lambda: not process.alive())
    assert runs(worker, path)


def test_too_much_memory_is_an_error_and_not_the_end(worker, path):
    assert failure(worker.run, path, "eat", {}, None).reason == "SCRIPT_OUT_OF_MEMORY"
    assert runs(worker, path)


def test_an_exception_is_one_sentence_with_file_and_line(worker, heard, path):
    line = SCRIPT.splitlines().index("        self.total = 1 / nothing") + 1
    error = failure(worker.run, path, "divide", {}, None)
    assert error.reason == "SCRIPT_FAILED"
    assert error.message == f"trials.py, line {line}: ZeroDivisionError: division by zero"
    assert heard.texts() == [f"  trials.py, line {line}: self.total = 1 / nothing"]


def test_sys_exit_ends_the_script_and_not_the_process(worker, path):
    process = worker._process.result()
    error = failure(worker.run, path, "end", {}, None)
    assert error.reason == "SCRIPT_FAILED"
    assert error.message.endswith("SystemExit: enough")
    assert worker._process.result() is process


def test_an_error_class_of_the_script_itself_arrives_as_ours(worker, path):
    error = failure(worker.run, path, "complain", {}, None)
    assert type(error) is GumtreeError
    assert (error.reason, error.message) == ("OWN_REASON", "This sample is too thick.")


@pytest.mark.parametrize(
    ("action", "reason", "words"),
    [
        ("strange", "RESULT_TYPE", "total cannot be a generator"),
        ("strange_subclass", "RESULT_TYPE", "curve cannot be a Own"),
        ("too_flat", "RESULT_SHAPE", "curve has 0 dimensions and is declared with ndim=1"),
    ],
)
def test_a_result_that_is_not_what_was_declared_is_refused(worker, path, action, reason, words):
    error = failure(worker.run, path, action, {}, None)
    assert error.reason == reason
    assert words in error.message
    assert runs(worker, path)


def test_a_deep_traceback_is_cut_to_its_last_lines(worker, heard, path):
    assert "RecursionError" in failure(worker.run, path, "dig", {}, None).message
    assert 1 < len(heard.texts()) <= 10


def test_what_a_script_prints_is_in_the_log(worker, heard, path):
    worker.run(path, "tell", {}, None)
    assert heard.texts() == ["one", "two three"]
    assert runs(worker, path)


def test_a_result_that_cannot_be_sent_is_told_and_not_a_crash(worker, path):
    process = worker._process.result()
    assert failure(worker.run, path, "unportable", {}, None).reason == "RESULT_TYPE"
    assert runs(worker, path)
    assert worker._process.result() is process


def test_a_file_that_is_gone_is_told_and_not_a_crash(worker, path, tmp_path):
    process = worker._process.result()
    short_lived = tmp_path / "short_lived.py"
    short_lived.write_text(SCRIPT)
    worker.load(short_lived)
    short_lived.unlink()
    error = failure(worker.run, short_lived, "work", {}, None)
    assert (error.reason, str(short_lived) in error.message) == ("SCRIPT_UNKNOWN", True)
    assert runs(worker, path)
    assert worker._process.result() is process


def test_a_wrong_parameter_is_refused_with_its_limit(worker, path):
    error = failure(worker.run, path, "work", {"factor": 11}, None)
    assert (error.reason, error.message) == (
        "PARAMETER_OUT_OF_RANGE",
        "factor cannot be 11 mm: that is above its maximum of 10 mm.",
    )


def test_a_broken_script_is_told_and_the_worker_goes_on(worker, tmp_path, path):
    broken = tmp_path / "broken.py"
    broken.write_text("import nothing_like_this\n")
    error = failure(worker.load, broken)
    assert error.reason == "SCRIPT_BROKEN"
    assert error.message.startswith("broken.py, line 1: ModuleNotFoundError")
    assert runs(worker, path)


def test_stop_while_nothing_runs_does_no_harm(worker, path):
    worker.stop()
    assert runs(worker, path)


def test_closing_ends_a_running_script(path, wait_until):
    heard = Heard()
    worker = ScriptWorker(heard)
    with ThreadPoolExecutor() as threads:
        running = threads.submit(failure, worker.run, path, "loop", {}, None)
        wait_until(heard.pid)
        worker.close()
        assert running.result(5).reason == "SCRIPT_STOPPED"
    assert gone(heard.pid())
    assert failure(worker.run, path, "work", {}, None).reason == "SCRIPT_STOPPED"


def test_the_worker_dies_with_the_process_that_hosts_it(path, wait_until):
    host = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gumtree_core.scripts.worker import ScriptWorker\n"
        "worker = ScriptWorker(lambda fraction, text: print(text, flush=True))\n"
        "worker.run(Path(sys.argv[1]), 'loop', {}, None)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", host, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline().split()[1])
        assert not gone(pid)
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: gone(pid))
