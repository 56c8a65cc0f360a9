"""Processes of an instrument, with real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gumtree_core.errors import GumtreeError
from servers.launcher.process import Process, executable

WITH_CHILD = (
    "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
)


def python(tmp_path: Path, code: str) -> Process:
    return Process("test", (sys.executable, "-c", code), {"WORD": "hello"}, tmp_path / "test.log")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_output_is_kept_over_starts_and_the_tail_is_of_the_last(tmp_path):
    process = python(tmp_path, "import os; print(os.environ['WORD'], os.getpid())")
    pids = []
    for _ in range(2):
        process.start()
        assert process.wait(10)
        pids.append(process.pid)
    assert process.log.read_text() == "".join(f"hello {pid}\n" for pid in pids)
    assert process.output() == f"hello {pids[1]}\n"
    assert process.tail() == f"    hello {pids[1]}"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("import sys; sys.exit(3)", "ended with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", "was killed by signal 40"),
    ],
)
def test_how_a_process_ended_is_said(tmp_path, code, text):
    process = python(tmp_path, code)
    process.start()
    assert process.wait(10)
    assert process.ending() == text
    assert not process.running


def test_a_kill_reaches_the_children_of_the_process(tmp_path, wait_until: Any):
    process = python(tmp_path, WITH_CHILD)
    process.start()
    wait_until(process.output)
    child = int(process.output())
    assert alive(child)
    process.kill()
    wait_until(lambda: not alive(child))


def test_what_a_dead_process_has_left_is_killed_too(tmp_path, wait_until: Any):
    process = python(tmp_path, WITH_CHILD)
    process.start()
    wait_until(process.output)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(10)
    process.kill()
    wait_until(lambda: not alive(int(process.output())))


def test_a_process_ends_with_the_one_that_started_it(tmp_path, wait_until: Any):
    code = f"""
import sys, time
from pathlib import Path
from servers.launcher.process import Process
command = ({sys.executable!r}, "-c", "import time; time.sleep(60)")
process = Process("child", command, {{}}, Path({str(tmp_path)!r}) / "log")
process.start()
print(process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        parent.kill()
    wait_until(lambda: not alive(child))


def test_a_program_that_is_not_installed_is_said():
    with pytest.raises(GumtreeError, match="GumtreeNothing") as caught:
        executable("GumtreeNothing")
    assert caught.value.reason == "PROGRAM_MISSING"
