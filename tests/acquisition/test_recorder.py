import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gumtree_core.acquisition.definition import ScanDefinition
from gumtree_core.acquisition.engine import Ending, Outcome, Point, ScanEngine
from gumtree_core.acquisition.measurement import measure
from gumtree_core.acquisition.recorder import Recorder, Recording
from gumtree_core.data import Dataset
from gumtree_core.devices.protocols import PresetMode
from gumtree_core.errors import GumtreeError
from gumtree_core.files import Run, load
from gumtree_core.files.nexus.progress import run_status
from gumtree_core.files.nexus.recovery import is_open_for_writing

SCAN = ScanDefinition(PresetMode.TIME, 2.0, "sdd", (1.0, 2.0, 3.0))
COUNT = ScanDefinition(PresetMode.MONITOR, 500.0)
DONE = Outcome(Ending.COMPLETE, 1, "all well")


@pytest.fixture
def recorder(tmp_path):
    recorder = Recorder(tmp_path / "data", "T")
    yield recorder
    recorder.close()


def start(recorder: Recorder, bench, definition: ScanDefinition = COUNT, **values) -> Recording:
    actuator = bench.motor if definition.actuator else None
    return recorder.start(definition, bench.counter, [bench.detector], actuator, values)


def run(recorder: Recorder, bench, definition: ScanDefinition = SCAN, **hooks) -> tuple[Outcome, Run]:
    actuator = bench.motor if definition.actuator else None
    engine = ScanEngine(definition, bench.counter, [bench.detector], actuator)
    files: list[Recording] = []
    outcome = measure(
        engine,
        recorder,
        {"run/title": "Tëst", "motor_start/sdd": Dataset(0.0, unit="mm")},
        motors=lambda: {"motor_end/sdd": Dataset(bench.motor.place, unit="mm")},
        on_file=files.append,
        on_point=hooks.get("on_point", lambda point: None),
    )
    return outcome, load(files[0].path)


def test_a_scan_is_recorded_under_logical_keys(recorder, bench):
    outcome, result = run(recorder, bench)
    assert outcome.ending is Ending.COMPLETE
    assert result.path.name == "T0000001.nxs"
    assert result["run/number"] == "1"
    assert (result["run/title"], result["run/status"], result["run/actuator"]) == ("Tëst", "complete", "sdd")
    counts = result.data("detector/counts")
    assert (counts.shape, counts.dims, counts.unit) == ((3, 3, 4), ("point", "y", "x"), "counts")
    np.testing.assert_array_equal(counts.values[:, 0, 0], [1, 2, 3])
    np.testing.assert_array_equal(counts.variances, counts.values)
    np.testing.assert_array_equal(result.data("motor/sdd").values, [1, 2, 3])
    np.testing.assert_array_equal(result.data("monitor/counts").values, [100, 200, 300])
    assert result.data("motor/sdd").unit == "mm"
    assert result.data("motor_start/sdd").values == 0
    assert result.data("motor_end/sdd").values == 3
    assert (result["monitor/mode"], result.data("monitor/preset").values) == ("timer", 2)


def test_a_count_is_one_image(recorder, bench):
    _, result = run(recorder, bench, COUNT)
    assert result.data("detector/counts").dims == ("y", "x")
    assert result.data("monitor/counts").shape == ()
    assert result.data("monitor/preset").unit == "counts"


def test_the_file_is_closed_even_if_the_scan_ends_by_a_defect(recorder, bench):
    bench.journal.at("main.read", lambda: 1 / 0, count=2)
    with pytest.raises(ZeroDivisionError):
        run(recorder, bench)
    (path,) = recorder.directory.glob("*.nxs")
    assert not is_open_for_writing(path)
    result = load(path)
    assert result["run/status"] == "failed"
    assert result.data("detector/counts").shape == (1, 3, 4)


def test_a_point_can_be_read_when_the_listener_hears_of_it(recorder, bench):
    seen = []

    def look(point: Point) -> None:
        (path,) = recorder.directory.glob("*.nxs")
        code = (
            "import sys; from gumtree_core.files import load;"
            "print(load(sys.argv[1])['detector/counts'].values.sum(axis=(1, 2)).tolist())"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, path], check=True, capture_output=True, text=True, timeout=30
        )
        seen.append(done.stdout.strip())

    run(recorder, bench, on_point=look)
    assert seen == ["[12]", "[12, 24]", "[12, 24, 36]"]


def test_numbers_go_on_after_a_restart_and_after_files_were_moved_away(recorder, bench):
    start(recorder, bench).close(DONE, {})
    second = start(recorder, bench)
    second.close(DONE, {})
    assert second.path.name == "T0000002.nxs"
    recorder.close()
    for path in recorder.directory.glob("*.nxs"):
        path.unlink()
    again = Recorder(recorder.directory, "T")
    assert start(again, bench).number == 3
    again.close()


def test_a_number_is_above_those_of_files_that_somebody_has_put_there(recorder, bench):
    (recorder.directory / "T0000041.nxs").touch()
    (recorder.directory / "U0000099.nxs").touch()
    (recorder.directory / "T0000077.txt").touch()
    recording = start(recorder, bench)
    recording.close(DONE, {})
    assert recording.path.name == "T0000042.nxs"
    assert (recorder.directory / "T0000041.nxs").read_bytes() == b""


def test_two_recorders_never_share_a_folder(recorder):
    with pytest.raises(GumtreeError, match="Another process") as caught:
        Recorder(recorder.directory, "T")
    assert caught.value.reason == "RECORDER_BUSY"
    Recorder(recorder.directory, "U").close()


@pytest.mark.parametrize("prefix", ["", "../T", "a b", ".T"])
def test_a_prefix_stays_in_its_folder(tmp_path, prefix):
    with pytest.raises(GumtreeError, match="File names") as caught:
        Recorder(tmp_path, prefix)
    assert caught.value.reason == "BAD_PREFIX"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(GumtreeError, match="file/data") as caught:
        Recorder(tmp_path / "file" / "data", "T")
    assert caught.value.reason == "DIRECTORY_NOT_WRITABLE"


def test_nothing_is_recovered_where_nothing_was_interrupted(recorder, bench):
    start(recorder, bench).close(DONE, {})
    assert recorder.recover() == ([], [])


def test_several_detectors_are_kept_apart(recorder, bench):
    rear = type(bench.detector)("lab/rear/1", bench.journal)
    rear.shape = (2, 2)
    engine = ScanEngine(SCAN, bench.counter, [bench.detector, rear], bench.motor)
    files: list[Recording] = []
    options = {"motors": dict, "on_file": files.append, "on_point": lambda point: None}
    measure(engine, recorder, {}, **options)
    result = load(files[0].path)
    assert result.data("detector/counts").shape == (3, 3, 4)
    assert result.data("detector:lab_rear_1/counts").shape == (3, 2, 2)


def test_a_recorder_that_was_killed_leaves_every_point_that_it_had_acknowledged(tmp_path):
    code = Path(__file__).with_name("recording_process.py")
    for points in (1, 7, 40):
        with subprocess.Popen([sys.executable, code, tmp_path], stdout=subprocess.PIPE, text=True) as process:
            acknowledged = 0
            while acknowledged < points:
                acknowledged = int(process.stdout.readline())
            process.kill()
            acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
        recorder = Recorder(tmp_path, "K")
        (interrupted,) = [path for path in tmp_path.glob("*.nxs") if is_open_for_writing(path)]
        assert run_status(interrupted).running

        (recovered,), failed = recorder.recover()

        assert (recovered.path, failed) == (interrupted, [])
        assert acknowledged <= recovered.recorded <= acknowledged + 1
        result = load(interrupted)
        frames = result.data("detector/counts").values
        np.testing.assert_array_equal(frames[:, 3, 5], np.arange(recovered.recorded))
        assert len(result.data("motor/sdd").values) == recovered.recorded
        assert result["run/status"] == "interrupted"
        assert f"point {recovered.recorded} of 1000" in result["run/note"]
        assert result["run/end_time"] > result["run/start_time"]
        assert recorder.recover() == ([], [])
        recorder.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        ".K.lock",
        "K0000001.nxs",
        "K0000002.nxs",
        "K0000003.nxs",
    ]
