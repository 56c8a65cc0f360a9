"""`gumtree reduce` and `gumtree inspect`, as they are typed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from gumtree_core.commands import main
from gumtree_core.commands.reduce import _number
from gumtree_core.data import Dataset
from gumtree_core.files.nexus.nxcansas import read_nxcansas

SCRIPT = '''
from pathlib import Path
from typing import Literal

import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.errors import GumtreeError
from gumtree_core.scripts import Script, action, parameter, result


class Line(Script):
    """A straight line.

    For tests.
    """

    slope: float = parameter(1.0, ge=0, le=10, unit="1/s", label="Slope", help="How steep.")
    points: int = parameter(5, ge=0)
    square: bool = parameter(False)
    kind: Literal["plain", "broken", "refused"] = parameter("plain")
    weights: list[float] = parameter([1.0])
    note: str = parameter("")

    line: Dataset = result(label="Line", ndim=1)
    total: Dataset = result(label="Total")
    steps: float = result(label="Steps [/of] it", unit="steps")

    @action("Draw")
    def draw(self):
        self.log(f"drawing {self.note}")
        if self.kind == "broken":
            raise RuntimeError("it [/broke]")
        if self.kind == "refused":
            raise GumtreeError("NOT_TODAY", "No [/lines] today.")
        q = np.arange(self.points + 1.0)
        values = self.slope * q[:-1] * sum(self.weights)
        self.line = Dataset(values**2 if self.square else values, axes={"q": Axis(q)}, dims=("q",))
        self.total = self.line.sum()
        self.steps = self.points
        self.save_curve(self.line, "line")

    @action("Forget")
    def forget(self):
        self.steps = 77
'''


@pytest.fixture
def script(tmp_path) -> str:
    path = tmp_path / "line.py"
    path.write_text(SCRIPT)
    return str(path)


@pytest.fixture
def gumtree(monkeypatch, capsys, tmp_path) -> Callable[..., tuple[int, str, str]]:
    """Call the command in a folder of its own; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gumtree", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as done:
            code = int(done.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def refused(outcome: tuple[int, str, str]) -> str:
    """The one line that a refusal is."""
    code, _, error = outcome
    assert code == 1
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    return error


def test_the_options_are_made_from_the_script(gumtree, script):
    code, out, _ = gumtree("reduce", script, "--help")

    assert code == 0
    assert "A straight line." in out
    assert "For tests." in out
    text = " ".join(out.split())
    assert "--slope FLOAT Slope [1/s]. How steep. [default: 1.0]" in text
    assert "--square / --no-square" in text
    assert "--kind [plain|broken|refused]" in text
    assert "--action [draw|forget]" in text
    assert "--output" in text


def test_the_shipped_scripts_are_listed(gumtree):
    code, out, _ = gumtree("reduce", "--help")

    assert code == 0
    assert "sans" in out
    assert "Reduce a SANS run to I(q)." in out


def test_a_shipped_script_that_is_broken_does_not_hide_the_others(gumtree, monkeypatch, tmp_path):
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "good.py").write_text(SCRIPT)
    (tmp_path / "shipped" / "torn.py").write_text("def torn(:\n")
    monkeypatch.setattr("gumtree_core.scripts.loading.shipped_scripts", lambda: tmp_path / "shipped")
    code, out, _ = gumtree("reduce", "--help")
    assert code == 0
    assert re.search(r"good\s+\w+", out)
    assert re.search(r"torn\s+Cannot be loaded: torn.py, line 1", out)
    assert "SCRIPT_BROKEN" in refused(gumtree("reduce", "torn", "--slope", "1"))


def test_a_parameter_may_not_take_the_place_of_our_own_options(gumtree, tmp_path):
    (tmp_path / "own.py").write_text(SCRIPT.replace("slope", "output"))
    assert "the parameter output is an option" in refused(gumtree("reduce", "own.py", "--output", "1"))


def test_each_parameter_of_the_sans_script_is_an_option(gumtree):
    from gumtree_core.scripts import load_script

    code, out, _ = gumtree("reduce", "sans", "--help")

    assert code == 0
    for parameter in load_script("sans").interface().parameters:
        assert f"--{parameter.name.replace('_', '-')} " in out
        assert parameter.label in " ".join(out.split())


def test_values_reach_the_script_and_results_are_shown(gumtree, script, tmp_path):
    code, out, _ = gumtree(
        "reduce", script, "--slope", 2, "--square", "--weights", 1, "--weights", 2, "--note", "[red]paint"
    )  # fmt: skip

    assert code == 0
    assert "drawing [red]paint" in out
    rows = {line.split("│")[1].strip(): line for line in out.splitlines() if "│" in line}
    assert "0 to 576" in rows["Line"]
    assert "1080" in rows["Total"]
    assert [cell.strip() for cell in rows["Steps [/of] it"].split("│")[2:5]] == ["", "5", "steps"]
    assert read_nxcansas(tmp_path / "line.h5").values == pytest.approx((6 * np.arange(5.0)) ** 2)


def test_another_action_can_be_chosen(gumtree, script, tmp_path):
    code, out, _ = gumtree("reduce", script, "--action", "forget")

    assert code == 0
    assert "77" in out
    assert not list(tmp_path.glob("*.h5"))


@pytest.mark.parametrize(
    ("output", "first", "second"),
    [
        ("iq.h5", "iq.h5", "iq_2.h5"),
        ("new/deep", "new/deep/line.h5", "new/deep/line_2.h5"),
        ("new/iq.h5", "new/iq.h5", "new/iq_2.h5"),
        ("run.2026", "run.2026/line.h5", "run.2026/line_2.h5"),
    ],
)
def test_the_result_goes_to_a_file_or_folder_and_never_over_another(
    gumtree, script, tmp_path, output, first, second
):
    if output == "run.2026":
        (tmp_path / output).mkdir()
    for slope in (1, 2):
        code, out, _ = gumtree("reduce", script, "--output", output, "--slope", slope)
        assert code == 0
        assert "Saved" in out

    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.h5")) == sorted(
        [first, second]
    )
    assert read_nxcansas(tmp_path / first).values[1] == 1
    assert read_nxcansas(tmp_path / second).values[1] == 2


def test_a_name_that_ends_with_txt_asks_for_columns_of_text(gumtree, script, tmp_path):
    code, out, _ = gumtree("reduce", script, "--slope", 2, "--output", "iq.txt")

    assert code == 0
    assert "Saved iq.txt" in out
    assert np.loadtxt(tmp_path / "iq.txt") == pytest.approx(
        np.column_stack([np.arange(5) + 0.5, 2.0 * np.arange(5)])
    )
    assert "line.py" in (tmp_path / "iq.txt").read_text()


MAPS = '''
import numpy as np

from gumtree_core.data import Axis, Dataset
from gumtree_core.scripts import Script, action, parameter


class Maps(Script):
    """Maps."""

    dimensions: int = parameter(2, ge=1, le=3)
    columns: bool = parameter(False)
    over_q: bool = parameter(True)

    @action()
    def make(self):
        q = {"qx": Axis([0.1, 0.2, 0.3], "1/angstrom"), "qy": Axis([0.4, 0.5], "1/angstrom")}
        dims = ("qz", "qy", "qx")[-self.dimensions:]
        axes = {name: axis for name, axis in q.items() if self.over_q and name in dims}
        values = np.arange(6.0).reshape(2, 3)
        values = values if self.dimensions == 2 else values[0] if self.dimensions == 1 else values[None]
        image = Dataset(values, values, dims=dims, axes=axes, unit="1/cm")
        self.save_curve(image, "first", columns=self.columns)
        self.save_curve(image, "other", columns=self.columns, part="other")
'''


@pytest.fixture
def maps(tmp_path) -> str:
    path = tmp_path / "maps.py"
    path.write_text(MAPS)
    return str(path)


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ([], ["first.h5", "other.h5"]),
        (["--columns"], ["first.dat", "first.h5", "other.dat", "other.h5"]),
        (["--output", "map.h5"], ["map.h5", "map_other.h5"]),
        (["--output", "map.h5", "--columns"], ["map.dat", "map.h5", "map_other.dat", "map_other.h5"]),
        (["--output", "map.dat"], ["map.dat", "map_other.dat"]),
    ],
)
def test_maps_are_saved_by_the_rules_of_curves(gumtree, maps, tmp_path, options, made):
    code, out, _ = gumtree("reduce", maps, *options)

    assert code == 0, out
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix in (".h5", ".dat")) == made
    for name in made:
        if name.endswith(".h5"):
            assert np.array_equal(read_nxcansas(tmp_path / name).values, [[0, 1, 2], [3, 4, 5]])
        else:
            assert np.loadtxt(tmp_path / name)[:, 2].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("options", [["--dimensions", 3], ["--dimensions", 1], ["--no-over-q"]])
@pytest.mark.parametrize("output", ["map.h5", "map.dat"])
def test_a_result_that_is_neither_curve_nor_map_is_refused_in_one_line(gumtree, maps, options, output):
    if options == ["--dimensions", 1] and output == "map.dat":
        options = ["--dimensions", 1, "--no-over-q"]  # columns may be over anything
    error = refused(gumtree("reduce", maps, "--output", output, *options))

    assert error.startswith("NO_CURVE")
    assert "no map over qx and qy" in error
    assert not Path(output).exists()


def test_inspect_shows_what_reduce_has_saved(gumtree, script):
    gumtree("reduce", script, "--output", "iq.h5")
    code, out, _ = gumtree("inspect", "iq.h5")

    assert code == 0
    assert "reduced/iq" in out
    assert "0 to 4" in out


def test_the_file_says_which_script_made_it_from_which_parameters(gumtree, script, tmp_path):
    gumtree("reduce", script, "--slope", 3)

    with h5py.File(tmp_path / "line.h5") as file:
        provenance = json.loads(file["sasentry01/sasprocess/sasnote/provenance"].asstr()[()])
    assert provenance["script"] == "line.py"
    assert provenance["parameters"]["slope"] == 3


def test_a_folder_that_cannot_be_written_is_one_line(gumtree, script, tmp_path):
    (tmp_path / "file").write_text("")

    error = refused(gumtree("reduce", script, "--output", "file/there"))

    assert "FILE_NOT_WRITABLE" in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nosuch",), ("SCRIPT_UNKNOWN", "'nosuch'", "sans")),
        (("sanz",), ("SCRIPT_UNKNOWN", "Did you mean sans?")),
        (("missing.py",), ("SCRIPT_UNKNOWN", "missing.py")),
        (("sans", "--sample", "nowhere.nxs"), ("FILE_MISSING", "nowhere.nxs")),
        (("sans", "--sample", "."), ("FILE_MISSING", "folder")),
        (("sans", "--sample", "empty.nxs"), ("FILE_EMPTY", "empty.nxs")),
        (("sans", "--sample", "text.nxs"), ("FILE_FORMAT_UNKNOWN", "text.nxs")),
        (("line.py", "--slope", "11"), ("PARAMETER_OUT_OF_RANGE", "slope", "11 1/s", "maximum of 10")),
        (("line.py", "--slope", "nan"), ("PARAMETER_OUT_OF_RANGE", "finite")),
        (("line.py", "--kind", "refused"), ("NOT_TODAY", "No [/lines] today.")),
        (("line.py", "--kind", "broken"), ("SCRIPT_FAILED", "line.py, line 33: RuntimeError: it [/broke]")),
        (("syntax.py",), ("SCRIPT_BROKEN", "syntax.py, line 2")),
        (("none.py",), ("SCRIPT_BROKEN", "no action")),
    ],
)
def test_an_error_is_one_line_that_says_what_is_wrong(gumtree, script, tmp_path, words, said):
    (tmp_path / "empty.nxs").write_bytes(b"")
    (tmp_path / "text.nxs").write_text("no data")
    (tmp_path / "syntax.py").write_text("\ndef (")
    (tmp_path / "none.py").write_text(
        "from gumtree_core.scripts import Script\nclass Nothing(Script):\n    'Nothing.'\n"
    )

    error = refused(gumtree("reduce", *words))

    for each in said:
        assert each in error
    assert not list(tmp_path.glob("*.h5"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sans",), "Missing option '--sample'"),
        (("sans", "--sampel", "x"), "No such option"),
        (("line.py", "--slope", "steep"), "'steep' is not a valid float"),
        (("line.py", "--kind", "other"), "'other' is not one of"),
    ],
)
def test_a_command_that_is_wrong_is_explained_with_its_usage(gumtree, script, words, said):
    code, _, error = gumtree("reduce", *words)

    assert code == 2
    assert "Usage:" in error
    assert said in error


def test_a_curve_without_points_is_shown(gumtree, tmp_path):
    (tmp_path / "nan.py").write_text(
        "import numpy as np\n"
        "from gumtree_core.data import Dataset\n"
        "from gumtree_core.scripts import Script, action, result\n"
        "class Empty(Script):\n"
        "    'Nothing.'\n"
        "    curve: Dataset = result(label='Curve', ndim=1)\n"
        "    @action('Run')\n"
        "    def run(self):\n"
        "        self.curve = Dataset(np.full(3, np.nan), dims=('q',))\n"
    )

    code, out, _ = gumtree("reduce", "nan.py")

    assert code == 0
    (row,) = [line for line in out.splitlines() if "Curve" in line]
    assert "nan" not in row
    assert "3" in row


@pytest.fixture
def nexus(tmp_path, monkeypatch) -> Path:
    """A stand-in for a reader: what is inspected is the Run, whichever file it comes from."""
    import gumtree_core.files as files
    from gumtree_core.data import Dataset, poisson, scalar

    counts = np.array([[1.0, 2.0], [3.0, np.nan]])
    items = {
        "run/title": "[/red] a title",
        "detector/counts": Dataset(counts, dims=("y", "x"), unit="counts"),
        "detector/distance": scalar(4.0, 0.5, "m"),
        "monitor/counts": poisson(np.array(100), 0),
        "instrument/collimation_length_of_the_whole_long_instrument": scalar(1.0, unit="mm"),
        "motor/none": Dataset(np.empty(0), dims=("point",), unit="mm"),
    }
    path = tmp_path / "run[1].nxs"
    monkeypatch.setattr(files, "load", lambda path: files.Run(items, path=path, format="test"))
    return path


def test_inspect_shows_every_key_with_shape_value_and_unit(gumtree, nexus):
    code, out, _ = gumtree("inspect", nexus)

    assert code == 0
    lines = {line.split()[0]: " ".join(line.split()) for line in out.splitlines() if line.strip()}
    assert "run[1].nxs: test" in out
    assert lines["run/title"] == "run/title [/red] a title"
    assert lines["detector/counts"] == "detector/counts y: 2, x: 2 1 to 3 counts"
    assert lines["detector/distance"] == "detector/distance 4 ± 0.5 m"
    assert lines["monitor/counts"] == "monitor/counts 100 ± 10 counts"
    assert lines["motor/none"] == "motor/none point: 0 mm"
    assert "instrument/collimation_length_of_the_whole_long_instrument" in lines


def test_inspect_of_a_missing_file_is_one_line(gumtree):
    assert "FILE_MISSING" in refused(gumtree("inspect", "nowhere.nxs"))


def test_an_option_of_one_value_is_not_given_twice(gumtree, script):
    code, out, err = gumtree("reduce", script, "--slope", 1, "--points", 3, "--slope", 2)

    assert code == 2
    assert "--slope is given 2 times and takes one value" in err
    assert not out


def test_an_option_of_several_values_is_given_as_often_as_there_are(gumtree, script):
    assert gumtree("reduce", script, "--weights", 1, "--weights", 2, "--square", "--points", 3)[0] == 0


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (12362698.0, 3516.1, "12362698 ± 3500"),
        (67.154692, 0.0048, "67.1547 ± 0.0048"),
        (0.000123456789, 1e-9, "0.0001234568 ± 1e-09"),
        (0.0, 0.5, "0 ± 0.5"),
        (float("nan"), float("nan"), "nan ± nan"),
        (1.25, None, "1.25"),
    ],
)
def test_a_number_has_the_digits_that_its_error_is_worth(value, error, text):
    assert _number(Dataset(value, None if error is None else error**2)) == text


def test_an_output_that_ends_with_a_slash_is_a_folder_whatever_its_dots(gumtree, script, tmp_path):
    assert gumtree("reduce", script, "--output", "of.2026/run.1/")[0] == 0

    assert [file.name for file in (tmp_path / "of.2026" / "run.1").iterdir()] == ["line.h5"]


def test_an_output_folder_that_cannot_be_made_is_told(gumtree, script):
    code, _, err = gumtree("reduce", script, "--output", f"{script}/folder/")

    assert code == 1
    assert err.startswith("FILE_NOT_WRITABLE")


def test_an_action_without_results_shows_no_table(gumtree, script):
    Path(script).write_text(SCRIPT.replace("self.steps = 77", "print('done')"))

    assert gumtree("reduce", script, "--action", "forget") == (0, "done\n", "")
