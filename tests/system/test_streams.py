import json
import subprocess
from pathlib import Path

import pytest

FULL = Path("/dev/full")
DIGIT = Path(__file__).parents[1] / "pictures" / "3_brush.png"
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs a shell and /dev/full")


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `mnistcnn` is the installed command."""
    from sys import executable

    script = f'set -o pipefail; mnistcnn() {{ "{executable}" -m mnistcnn "$@"; }}; {line}'
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"mnistcnn predict -q --json {DIGIT} > /dev/full", "No space left on device"),
        (f"mnistcnn predict -q {DIGIT} >&-", "Bad file descriptor"),
        ("mnistcnn --version > /dev/full", "No space left on device"),
        ("mnistcnn --help >&-", "Bad file descriptor"),
    ],
)
def test_a_result_that_is_lost_is_told(line: str, reason: str) -> None:
    done = shell(line)
    assert done.stderr == f"Error: The result can't be written to standard output: {reason}.\n"
    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("lost", ["2>&-", "2>/dev/full"])
def test_messages_that_are_lost_cost_no_result(lost: str) -> None:
    done = shell(f"mnistcnn predict --json {DIGIT} {lost}")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"][0]["digit"] == 3


def test_standard_input_that_is_closed_is_told() -> None:
    done = shell("mnistcnn predict -q - <&-")
    assert (done.returncode, done.stderr) == (1, "Error: - can't be read: Bad file descriptor.\n")


def test_who_reads_a_line_and_goes_gets_it_and_ends_the_command() -> None:
    done = shell(f"mnistcnn predict -q {f'{DIGIT} ' * 5} | head -1")
    assert (done.returncode, done.stderr) == (141, "")
    assert done.stdout.count("\n") == 1


def test_no_file_gets_the_number_of_a_closed_stream() -> None:
    """Printed text would be written into that file."""
    done = shell(f"mnistcnn predict --annotate seen {DIGIT} <&- >&- 2>&-")
    assert done.returncode == 1
    (seen,) = Path("seen").iterdir()
    assert seen.read_bytes().startswith(b"\x89PNG")
