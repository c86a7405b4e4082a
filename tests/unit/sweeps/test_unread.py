"""A script whose options cannot be read: it did nothing, and why is told with what mends it."""

from __future__ import annotations

import shlex
import sys
import venv

import psutil
import pytest

from awstune.config import Config
from awstune.errors import SpaceError
from awstune.flow import spec as specs
from awstune.sweeps.scripts import read_flags
from awstune.sweeps.target import of_command
from tests.waiting import PATIENCE_S

# What a script may do before it parses, or in place of it; and what is told of that.
SILENT = {
    "acts": (
        "import argparse\nopen('trained', 'w')\nargparse.ArgumentParser().parse_args()",
        "changes trained before",
    ),
    "shells out": ("import argparse, os\nos.system('touch trained')", "runs another program before"),
    "removes": ("import argparse, os\nos.remove('script.py')", "changes script.py before"),
    "raises": ("import argparse\n1 / 0", "does not get to them: ZeroDivisionError: division by zero"),
    "exits": ("import argparse, sys\nsys.exit(3)", "does not get to them: SystemExit: 3"),
    "ends": ("import argparse", ""),
    "dies": ("import argparse, os\nos.kill(os.getpid(), 9)", "ends before it parses them: SIGKILL"),
    "no flags": ("open('trained', 'w').close()", ""),
    "syntax": ("import argparse\nif", "does not get to them: SyntaxError"),
    "trains": (
        """
import argparse, torch
w = torch.zeros(2, requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
optimizer.step()
argparse.ArgumentParser().parse_args()
""",
        "trains before",
    ),
}


def flags(folder, timeout_s=PATIENCE_S):
    """The options of the folder's script, as a command."""
    return read_flags(of_command([sys.executable, "script.py"]), folder, sys.executable, timeout_s)


@pytest.mark.parametrize("what", SILENT)
def test_a_script_that_does_not_get_there(tmp_path, what):
    """What trains, writes, raises or ends before it parses has no starter, says why, and did nothing."""
    code, why = SILENT[what]
    (tmp_path / "script.py").write_text(code)
    found = flags(tmp_path)
    assert found.why.startswith(why) if why else found is None
    assert [path.name for path in tmp_path.iterdir()] == ["script.py"]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            ("{python}", "script.py"),
            "has no `space`, and its options cannot be read: it needs numpy, which {python} does not have",
            (
                "pip install numpy, or name another Python; or say them: awstune sweep -p lr=1e-5..1e-1:log "
                "-p batch=16,32,64 -- {python} script.py --lr {lr} --batch {batch}"
            ),
        ),
        (
            ("{python}", "script.py", "--lr={lr}", "{drop}"),
            "it needs numpy",
            "-p lr=1e-5..1e-1:log -p drop=0..0.5 -- {python} script.py --lr={lr} {drop}",
        ),
        (("./run", "{args}"), "./run {args} has no `space`", "-p batch=16,32,64 -- ./run {args}"),
        (("./run",), "./run has no `space`", "-- ./run --lr {lr} --batch {batch}"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, words, message, hint):
    """Why there is no starter, what mends it, and a command line that is accepted without one."""
    # An interpreter that has the standard library and nothing else.
    python = tmp_path / "bare" / "bin" / "python"
    venv.create(tmp_path / "bare", symlinks=True)
    (tmp_path / "script.py").write_text("import argparse, numpy")
    (tmp_path / "run").touch(0o755)
    known = {"python": str(python), "lr": "{lr}", "batch": "{batch}", "drop": "{drop}", "args": "{args}"}
    command = tuple(word.format(**known) for word in words)
    config = Config("local", None, None, tmp_path / "home", tmp_path)
    with pytest.raises(SpaceError) as caught:
        specs.make(config, specs.Typed(command=command), elsewhere=False)
    error = caught.value
    assert message.format(**known) in error.message
    assert error.hint.endswith(hint.format(**known))
    said = shlex.split(error.hint[error.hint.index("awstune sweep") :])
    at = said.index("--")
    specs.make(config, specs.Typed(assignments=said[3:at:2], command=said[at + 1 :]), elsewhere=False)


def test_a_script_that_hangs(tmp_path):
    """A script that never parses is given up after the limit, and is gone."""
    stays = "import argparse, time\nwhile True: time.sleep(1)"  # until it is ended
    (tmp_path / "script.py").write_text(stays)
    before = psutil.Process().children(recursive=True)
    assert flags(tmp_path, timeout_s=0.5).why == "takes more than 0.5 s to get to them"
    assert psutil.Process().children(recursive=True) == before
