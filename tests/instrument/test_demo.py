"""The whole instrument: the demo measures, reduces and agrees with the truth, whatever is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gumtree_core.files import load
from gumtree_core.files.nexus.nxcansas import read_nxcansas
from gumtree_core.files.nexus.progress import run_status

GUMTREE = Path(sys.executable).parent / "gumtree"
SPEED = "3000"
RUNS = 8

pytestmark = pytest.mark.timeout(240)


class Demo:
    """One `gumtree demo` in a process of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        environment = {key: value for key, value in os.environ.items() if "DISPLAY" not in key}
        self.folder = folder
        self.log = folder.parent / "demo.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [GUMTREE, "demo", "--data-dir", folder, "--speed", SPEED, *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**environment, "COLUMNS": "200"},
            )

    @property
    def text(self) -> str:
        return self.log.read_text()

    def finish(self) -> None:
        """Wait for a good end, and check what every run must have left."""
        assert self.process.wait(200) == 0, self.text
        assert "Traceback" not in self.text
        assert not processes_in(self.folder), self.text

    def chi_square(self) -> float:
        found = re.search(r"per degree of freedom ([\d.]+) over (\d+) points", self.text)
        assert found, self.text
        assert int(found[2]) == 200
        return float(found[1])

    def files(self) -> list[Path]:
        return sorted((self.folder / "data").glob("*.nxs"))


def processes_in(folder: Path) -> list[str]:
    """Command lines of processes that have to do with the folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            command = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            environment = (each / "environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command or f"PYTANGO_DATABASE_NAME={folder}" in environment:
            found.append(command)
    return found


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Demo]]:
    started: list[Demo] = []

    def begin(*options: str) -> Demo:
        started.append(Demo(tmp_path / "instrument", *options))
        return started[-1]

    yield begin
    for demo in started:
        demo.process.kill()
        demo.process.wait()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_reduced_curve_agrees_with_the_truth(start, seed):
    demo = start("--seed", str(seed))
    demo.finish()

    assert "There is no display" in demo.text
    assert 0.8 <= demo.chi_square() <= 1.2
    assert len(demo.files()) == RUNS
    titles = [load(path).text("run/title") for path in demo.files()]
    assert titles[0] == "Direct beam"
    assert titles[-1] == "Sample"
    (curve,) = (demo.folder / "reduced").glob("*.h5")
    iq = read_nxcansas(curve)
    assert iq.unit == "1/cm"
    assert iq.shape == (200,)


def test_provenance_names_the_commit_of_the_script_repository_and_all_runs(start):
    import h5py
    from git import Repo

    demo = start()
    demo.finish()

    (curve,) = (demo.folder / "reduced").glob("*.h5")
    with h5py.File(curve) as file:
        provenance = json.loads(file["sasentry01/sasprocess/sasnote/provenance"].asstr()[()])
    with Repo(demo.folder / "scripts.git") as central:
        assert provenance["commit"] == central.head.commit.hexsha
    assert provenance["clean"] is True
    assert provenance["inputs"] == {str(path): load(path).sha256() for path in demo.files()}


@pytest.mark.parametrize(
    "victim",
    [
        "GumtreeMotor",
        "GumtreeCounter",
        "GumtreeDetector",
        "GumtreeScan",
        "GumtreeReduction",
        "GumtreeScriptRepository",
        "simulator",
        "database",
    ],
)
def test_a_process_killed_during_the_measurement_costs_no_file_and_is_said(start, wait_until, victim):
    demo = start()
    wait_until(lambda: len(demo.files()) >= 5, 90, demo)  # the long count of the water
    before = {path: path.name for path in demo.files()[:4]}
    record = json.loads((demo.folder / "run.json").read_text())
    (pid,) = [each["pid"] for each in record["processes"] if each["name"] == victim]
    os.kill(pid, signal.SIGKILL)
    demo.finish()

    assert victim in demo.text
    assert "SIGKILL" in demo.text
    assert 0.7 <= demo.chi_square() <= 1.3
    assert set(before) <= set(demo.files())
    finished = [path for path in demo.files() if not run_status(path).running]
    assert finished == demo.files()
    assert len([path for path in finished if run_status(path).recorded]) >= RUNS
