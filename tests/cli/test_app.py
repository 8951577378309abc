import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import cv2
import pytest
import torch
import typer
from PIL import Image

import mnistcnn
from mnistcnn.cli import app
from mnistcnn.cli.app import PATIENCE
from mnistcnn.config import Precision, TrainConfig
from mnistcnn.data.dataset import load_dataset
from mnistcnn.errors import ExitCode, Interrupted, UsageError
from mnistcnn.events import Event, Stage
from tests.conftest import TINY_CONFIG, invoke, posix

COMMANDS = ("train", "evaluate", "predict", "summary", "draw", "export")


def tiny_train(tiny: Path, precision: Precision, *more: object) -> list[object]:
    options = ["--dataset", "synthetic", "--data-dir", tiny, "--validation-size", 100, "--batch-size", 10]
    return ["train", *options, "--epochs", 1, "--precision", precision, *more]


@pytest.fixture
def picture(tiny: Path) -> str:
    test = load_dataset(TINY_CONFIG.dataset, data_dir=tiny, validation_size=100).test
    Image.fromarray(test.images[0, 0].numpy()).save("digit.png")
    return "digit.png"


def test_train_evaluate_predict_summary_one_after_the_other(tiny: Path, picture: str, precision: Precision) -> None:
    trained = invoke(*tiny_train(tiny, precision, "--epochs", 2))  # one is little better than chance
    assert trained.exit_code == 0
    assert "Trained on synthetic digits" in trained.stdout
    assert "models/mnist_cnn.pth" in trained.stdout
    assert "epoch 2/2" in trained.stderr
    accuracy = re.search(r"test +100 +([\d.]+ %)", trained.stdout)
    assert accuracy is not None
    evaluated = invoke("evaluate", "--data-dir", tiny)
    assert evaluated.exit_code == 0
    assert f"accuracy    {accuracy[1]}" in evaluated.stdout
    predicted = invoke("predict", picture, "--accept-doubted")
    assert predicted.exit_code == 0
    assert re.match(r"digit.png  \d  [█░]{10} +[\d.]+ %($|  then)", predicted.stdout, re.MULTILINE)
    explained = invoke("summary", "models/mnist_cnn.pth")
    assert explained.exit_code == 0
    assert "1,103,539" in explained.stdout
    assert "4,590,416" in explained.stdout


def test_something_is_on_the_screen_before_pytorch_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []
    before: list[list[Event]] = []

    def load(*_: object, **__: object) -> None:
        """Stand in for `mnistcnn.train`, whose first use loads PyTorch."""
        before.append(list(told))
        raise UsageError("That is enough.")

    monkeypatch.setattr(mnistcnn, "progress_bar", lambda quiet: nullcontext(told.append))
    monkeypatch.setattr(mnistcnn, "train", load, raising=False)
    assert invoke("train").exit_code == ExitCode.USAGE
    assert before == [[Stage("Loading PyTorch")]]


def test_too_little_memory_is_told_before_pytorch_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistcnn.system.container.memory_limit", lambda: 100 << 20)
    monkeypatch.setattr(mnistcnn, "train", None, raising=False)
    result = invoke("train")
    error, hint = result.stderr.splitlines()
    assert result.exit_code == ExitCode.FAILURE
    assert re.fullmatch(r"Error: Training needs \d+ MB of memory, and this container has 100 MB\.", error)
    assert hint.startswith("Hint: ")


def test_a_container_bounds_the_threads_of_every_library() -> None:
    code = (
        "import os, sys; from mnistcnn import __main__; "
        "__main__.cpu_count = lambda: 1; os.cpu_count = lambda: 2; os._exit = sys.exit; sys.argv = ['m', '--version']\n"
        "try: __main__.main()\nfinally: print(os.environ.get('OMP_NUM_THREADS'))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    for given, expected in (({}, "1"), ({"OMP_NUM_THREADS": "7"}, "7")):
        done = subprocess.run(
            [sys.executable, "-c", code], env={**environment, **given}, capture_output=True, text=True, check=False
        )
        assert done.stdout.splitlines()[-1] == expected, done.stderr


KEYS = {
    "train": "schema checkpoint output_dir files train validation test best_epoch temperature epochs seconds "
    "pictures_per_second config environment data",
    "evaluate": "schema checkpoint dataset trained_on split count accuracy accuracy_interval loss confusion_matrix "
    "per_digit calibration_error temperature calibrated seconds pictures_per_second environment files",
    "predict": "schema checkpoint trained_on predictions",
    "summary": "schema layers parameters multiply_adds batch_size forward_bytes training_bytes initialisation "
    "checkpoint files",
    "export": "schema path format checkpoint size input_type opset largest_difference metadata",
}


@pytest.mark.parametrize("command", KEYS)
def test_json_is_one_document_with_stable_keys(
    command: str, tiny: Path, trained: Path, picture: str, precision: Precision
) -> None:
    arguments: dict[str, list[object]] = {
        "train": tiny_train(tiny, precision),
        "evaluate": ["evaluate", trained, "--data-dir", tiny],
        "predict": ["predict", picture, "-c", trained],
        "summary": ["summary", trained],
        "export": ["export", "net.safetensors", "-c", trained],
    }
    result = invoke(*arguments[command], "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert list(document) == KEYS[command].split()
    assert document["schema"] == 1
    if command == "train":
        assert set(document["test"]) == {"accuracy", "loss", "count"}
        assert document["epochs"][0]["epoch"] == 1
    if command == "predict":
        assert document["predictions"][0]["path"] == picture


def test_json_stays_json_when_something_is_warned_of(trained: Path) -> None:
    Image.new("L", (50, 50), 255).save("blank.png")
    Path("broken.png").write_bytes(b"x")
    result = invoke("predict", "blank.png", "broken.png", "-c", trained, "--json")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)["predictions"]
    assert first["warning"] == "nothing but background"
    assert second["error"].startswith("broken.png")


def test_quiet_says_nothing_but_the_result(tiny: Path, precision: Precision) -> None:
    result = invoke(*tiny_train(tiny, precision, "--quiet"))
    assert result.stderr == ""
    assert "Trained on" in result.stdout


MISTAKES: list[tuple[list[object], int, str]] = [
    (["train", "--device", "cuda:99"], 1, "Error: Device cuda:99 is not available here; available: cpu"),
    (["train", "--device", "gpu"], 2, "--device must be one of auto, cpu, cuda, cuda:N, mps, xpu, xpu:N, not 'gpu'"),
    (["train", "--epochs", "0"], 2, "--epochs must be at least 1"),
    (["train", "--lr", "nan"], 2, "--lr must be"),
    (["train", "--lr", "fast"], 2, "--lr must be a number, not 'fast'"),
    (["train", "--resume", "--restart"], 2, "cannot be used together"),
    (["train", "--resume"], 1, "There is no unfinished run"),
    (["train", "--mirror", "ftp://x/"], 2, "is not an http:// or https:// address"),
    (["evaluate", "none.pth", "--mirror", "ftp://x/"], 2, "is not an http:// or https:// address"),
    (["train", "--frobnicate"], 2, "--frobnicate"),
    (["evaluate", "none.pth"], 1, "There is no checkpoint none.pth"),
    (["evaluate", "."], 1, ". is not a file."),
    (["evaluate", "x.pth", "--split", "all"], 2, "all"),
    (["evaluate", "x.pth", "--min-accuracy", "2"], 2, "at most 1, not 2"),
    (["predict"], 2, "IMAGE"),
    (["predict", "p.png"], 1, "p.png can't be read"),
    (["predict", "https://example.com/a//1.png"], 1, "https://example.com/a//1.png is a web address"),
    (["predict", "p.png", "-c", "none.pth"], 1, "There is no checkpoint none.pth"),
    (["draw", "--port", "70000"], 2, "--port"),
    (["draw", "--no-open", "-c", "none.pth"], 1, "There is no checkpoint none.pth"),
    (["export", "net"], 2, "neither in .onnx nor in .safetensors"),
    (["export", "."], 2, "neither"),
    (["summary", "none.pth"], 1, "There is no checkpoint none.pth"),
    (["summary", "--plot", "."], 1, "does not name a file"),
    (["train", "--checkpoint", "."], 1, "does not name a file"),
    (["frobnicate"], 2, "frobnicate"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    MISTAKES,
    ids=lambda v: " ".join(map(str, v)) if isinstance(v, list) else None,
)
def test_mistakes_are_a_line_on_stderr_and_an_exit_code(arguments: list[object], code: int, said: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == code
    error, *hints = [line for line in result.stderr.splitlines() if not line.startswith("Network: ")]
    assert error.startswith("Error: ") and said in error
    assert len(hints) <= 1 and all(hint.startswith("Hint: ") for hint in hints)
    assert result.stdout == ""


def test_the_gate_has_a_code_of_its_own(trained: Path, tiny: Path) -> None:
    assert invoke("evaluate", trained, "--data-dir", tiny, "--min-accuracy", "0").exit_code == 0
    result = invoke("evaluate", trained, "--data-dir", tiny, "--min-accuracy", "1", "--json")
    assert result.exit_code == int(ExitCode.GATE) == 3
    assert "is below --min-accuracy 1" in result.stderr
    json.loads(result.stdout)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mnistcnn.summary.summarise", broken)
    with pytest.raises(ZeroDivisionError):
        invoke("summary")


def test_a_device_without_memory_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.\nMore about it.")

    monkeypatch.setattr("mnistcnn.summary.summarise", full)
    result = invoke("summary")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "Error: CUDA out of memory. Tried to allocate 20.00 MiB."
    assert "--device cpu" in result.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        cv2.error("OpenCV(4.11.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes"),
        RuntimeError("std::bad_alloc"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_machine_without_memory_is_no_bug(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("mnistcnn.summary.summarise", full)
    result = invoke("summary")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[0] == "Error: There is not enough memory."


@pytest.mark.parametrize(
    "command", ["predict --sample", "summary", "evaluate", "draw --no-open", "export x.safetensors"]
)
def test_a_folder_of_networks_that_may_not_be_searched_is_told(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root is not stopped by permissions, and tests may run as root."""
    stat = Path.stat

    def forbidden(self: Path, **options: bool) -> os.stat_result:
        if "models" in self.parts:
            raise PermissionError(13, "Permission denied", str(self))
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", forbidden)
    result = invoke(*command.split(), "--quiet")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: models/mnist_cnn.pth can't be read: Permission denied.\n"


LONG = "x" * 300


@pytest.mark.parametrize(
    "command",
    [
        f"predict {LONG}",
        f"predict --sample -c {LONG}",
        f"predict --sample --annotate {LONG}",
        f"summary {LONG}",
        f"summary --plot {LONG}",
        f"evaluate {LONG}",
        f"evaluate --data-dir {LONG}",
        f"evaluate --pictures {LONG}",
        f"train --checkpoint {LONG}",
        f"train --output-dir {LONG}",
        f"train --data-dir {LONG}",
        f"export {LONG}.safetensors",
        f"draw -c {LONG}",
    ],
)
def test_names_that_are_too_long_are_told(command: str) -> None:
    result = invoke(*command.split(), "--quiet")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert "File name too long" in result.stderr


def test_of_several_processes_the_first_says_what_is_wrong_and_the_others_let_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    for rank, said in (("0", "Error: --batch-size 1 is smaller than the number of processes, 2.\n"), ("1", "")):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("LOCAL_RANK", rank)
        result = invoke("train", "--batch-size", 1)
        assert (result.exit_code, result.stderr) == (ExitCode.USAGE, said)
    assert waits == [PATIENCE]


def test_what_was_given_on_the_command_line_is_told_from_defaults(tiny: Path, config: TrainConfig) -> None:
    from mnistcnn.system.signals import Stop
    from mnistcnn.system.storage import Files
    from mnistcnn.training.run import train

    stop = Stop()

    def interrupt(event: object) -> None:
        stop.receive(2) if not stop() and type(event).__name__ == "StepResult" else None

    with pytest.raises(Interrupted):
        train(config, Files(data_dir=tiny), observer=interrupt, stop=stop)
    refused = invoke("train", "--resume", "--lr", "0.5")
    assert refused.exit_code == 2
    assert f"was started with --lr {config.lr}, not 0.5" in refused.stderr
    asked = invoke("train")
    assert asked.exit_code == 1
    assert "--resume" in asked.stderr
    assert "--restart" in asked.stderr
    assert invoke("train", "--resume", "--data-dir", tiny).exit_code == 0


def test_standard_input_is_a_picture(picture: str, trained: Path) -> None:
    result = invoke("predict", "-", "-c", trained, "--accept-doubted", stdin=Path(picture).read_bytes())
    assert result.exit_code == 0
    assert re.match(r"-  \d ", result.stdout)


def test_show_draws_what_was_seen(picture: str, trained: Path) -> None:
    result = invoke("predict", picture, "-c", trained, "--show")
    assert result.stdout.count("│") == 2 * 14


def test_the_checkpoint_may_come_from_the_environment(
    trained: Path, picture: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MNISTCNN_CHECKPOINT", str(trained))
    assert invoke("predict", picture).exit_code == 0
    assert invoke("evaluate", "--data-dir", tiny).exit_code == 0


def test_hostile_names_are_printed_harmlessly(trained: Path) -> None:
    name = "[red]evil[bold]\x1b[31m\n.png"
    Image.new("L", (30, 30), 255).save("p.png")
    Path("p.png").rename(name)
    result = invoke("predict", name, "[bold].png", "-c", trained)
    assert result.exit_code == 1
    assert "[red]evil[bold]\\x1b[31m\\n.png" in result.stdout
    assert "[bold].png can't be read" in result.stderr
    assert "\x1b" not in result.output
    json.loads(invoke("predict", name, "-c", trained, "--json").stdout)


def test_without_arguments_the_help_is_shown() -> None:
    assert "Usage: mnistcnn" in invoke().output
    assert invoke("-h").stdout == invoke("--help").stdout
    for command in COMMANDS:
        assert invoke(command, "-h").stdout == invoke(command, "--help").stdout


def test_devices_are_completed() -> None:
    line = {"_MNISTCNN_COMPLETE": "complete_bash", "COMP_WORDS": "mnistcnn predict --device c", "COMP_CWORD": "3"}
    done = subprocess.run(
        [sys.executable, "-m", "mnistcnn"], capture_output=True, text=True, env={**os.environ, **line}, check=True
    )
    assert done.stdout.split() == ["cpu", "cuda"]


def test_the_version_is_that_of_the_package() -> None:
    from importlib.metadata import version

    assert invoke("--version").stdout == f"mnistcnn {version('mnistcnn')}\n"


def options() -> Iterator[tuple[str, typer.core.TyperOption]]:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    for name, command in {"": group, **group.commands}.items():
        for parameter in command.params:
            if isinstance(parameter, typer.core.TyperOption):
                yield name, parameter


def test_an_option_means_the_same_in_every_command() -> None:
    meanings: dict[str, set[str]] = {}
    for _, option in options():
        for flag in option.opts:
            meanings.setdefault(flag, set()).add(option.name or "")
    assert all(len(names) == 1 for names in meanings.values()), meanings
    assert {flag for flag in meanings if re.fullmatch("-[^-]", flag)} <= {"-c", "-o", "-q", "-V"}
    assert all(option.help for _, option in options())


HEAVY = ("torch", "torchvision", "numpy", "matplotlib", "PIL", "cv2", "rich.progress")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([c, "--help"] for c in COMMANDS)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom mnistcnn.cli import app\n"
        "try:\n    app(sys.argv[1:])\nexcept SystemExit as e:\n    assert not e.code\n"
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


def test_the_installed_command_and_the_module_are_the_same() -> None:
    installed = Path(sys.executable).with_name("mnistcnn")
    for command in ([str(installed)], [sys.executable, "-m", "mnistcnn"]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("mnistcnn ")


def test_a_terminal_of_ascii_is_enough(trained: Path, picture: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mnistcnn", "predict", picture, "--show", "-c", str(trained)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode("ascii").splitlines()
    assert "?" not in lines[0] and "#" in lines[0]
    assert all(re.match(r"\|[ '.#]{28}\|   [ '.#]{28}$", line) for line in lines[1:])


@posix
def test_what_libraries_clean_up_at_the_end_is_cleaned_up(tmp_path: Path) -> None:
    """Matplotlib makes a temporary folder if it can't write into the user's."""
    (tmp_path / "temporary").mkdir()
    places = {"MPLCONFIGDIR": "/dev/null/none", "HOME": "/dev/null", "TMPDIR": str(tmp_path / "temporary")}
    done = subprocess.run(
        [sys.executable, "-m", "mnistcnn", "summary", "--quiet", "--plot", "filters.png"],
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, Path("filters.png").exists()) == (0, True), done.stderr
    assert list((tmp_path / "temporary").glob("matplotlib*")) == []


def test_a_second_start_loads_no_torchvision(tiny: Path, precision: Precision) -> None:
    code = (
        "import sys; from mnistcnn.cli import app\n"
        "try: app(sys.argv[1:])\nexcept SystemExit as e: assert not e.code\n"
        "assert 'torchvision' not in sys.modules"
    )
    arguments = [str(a) for a in tiny_train(tiny, precision)]
    subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, check=True)


def test_the_network_in_the_package_is_used_where_there_is_no_other(
    tiny: Path, trained: Path, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path("models/mnist_cnn.pth")
    for arguments in (["predict", picture], ["evaluate", "--dataset", "synthetic", "--data-dir", tiny], ["summary"]):
        packaged = invoke(*arguments)
        assert packaged.exit_code == 0
        assert packaged.stderr.startswith("Network: the one in the package")
        assert invoke(*arguments, "--quiet").stderr == ""
    own.parent.mkdir()
    own.write_bytes(trained.read_bytes())
    for arguments in (["predict", picture], ["evaluate", "--data-dir", tiny], ["summary"]):
        assert invoke(*arguments).stderr.splitlines()[0] == "Network: models/mnist_cnn.pth"
    own.write_bytes(b"broken")
    monkeypatch.setenv("MNISTCNN_CHECKPOINT", str(trained))
    for arguments in (["predict", picture], ["evaluate", "--data-dir", tiny], ["summary"]):
        named = invoke(*arguments)
        assert (named.exit_code, named.stderr) == (0, "")


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
    ids=["unset", "count", "policy"],
)
def test_threads_that_wait_give_their_core_away_unless_the_user_has_said_how_to_wait(
    given: dict[str, str], expected: str
) -> None:
    code = (
        "import os, mnistcnn.cli, mnistcnn.__main__ as command\n"
        "mnistcnn.cli.app = lambda prog_name: print(os.environ.get('GOMP_SPINCOUNT'))\n"
        "command.main()"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")} | given
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
