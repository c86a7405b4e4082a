"""A script's own options become a space to start from, and nothing of the script but its parser runs."""

from __future__ import annotations

import shlex
import sys
import textwrap

import pytest

from awstune.config import Config
from awstune.errors import SpaceError, TargetError
from awstune.flow import spec as specs
from awstune.search import compact
from awstune.sweeps import starter, words
from awstune.sweeps.guessing import Option, suggest
from awstune.sweeps.scripts import read_flags
from awstune.sweeps.starter import Flags, Level
from awstune.sweeps.target import of_command

ARGPARSE = """
import argparse
def train(args, epoch):
    raise SystemExit("trained")
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", "-l", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--opt", choices=["sgd", "adam"], default="sgd")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--amp", action="store_true")
    args = parser.parse_args()
    open("trained", "w").close()
    train(args, 0)
if __name__ == "__main__":
    main()
"""
SUBCOMMANDS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--dropout", type=float, default=0.1)
commands = parser.add_subparsers(dest="command")
commands.add_parser("export").add_argument("--alpha", type=float, default=0.5)
fit = commands.add_parser("fit")
fit.add_argument("--lr", type=float, default=0.01)
fit.add_argument("--data", required=True)
parser.parse_args()
open("trained", "w").close()
"""
CLICK = """
import click
@click.group()
def main(): pass
@main.command()
@click.option("--lr", type=float, default=0.1)
@click.option("--nesterov", type=bool, default=True)
@click.option("--opt", type=click.Choice(["sgd", "adam"]))
@click.option("--verbose", is_flag=True)
@click.argument("out")
def train(**options): open("trained", "w").close()
main()
"""
TIMM = """
import argparse
first = argparse.ArgumentParser(add_help=False)
first.add_argument("-c", "--config")
known, rest = first.parse_known_args()
parser = argparse.ArgumentParser()
parser.add_argument("--drop", type=float, default=0.0)
parser.parse_args(rest)
"""


def script(folder, text, name="script.py"):
    """Writes a script."""
    (folder / name).write_text(textwrap.dedent(text))


def flags(folder, *words):
    """The options of the folder's script, as a command."""
    return read_flags(of_command([sys.executable, "script.py", *words]), folder, sys.executable)


def started(folder, text, *words):
    """What is suggested for a script, and that it did not run."""
    script(folder, text)
    found = flags(folder, *words)
    assert not (folder / "trained").exists()
    return starter.start(found, ["python", "script.py", *words])


def test_argparse(tmp_path):
    """Types, defaults and choices become a space; switches and seeds stay as they are."""
    made = started(tmp_path, ARGPARSE)
    assert made.space == {
        "lr": "1e-5..1e-1:log:default=1e-3",
        "batch_size": "16,32,64,128,256:default=64",
        "opt": "sgd,adam:default=sgd",
        "epochs": "14",
    }
    assert " ".join(made.command) == (
        "python script.py --lr {lr} --batch-size {batch_size} --opt {opt} --epochs {epochs}"
    )
    assert made.left == ("--seed", "--amp")
    assert made.open == ()


def test_what_is_typed_stays(tmp_path):
    """A flag that the command says already is neither searched nor said twice."""
    made = started(tmp_path, ARGPARSE, "--lr", "0.5", "--epochs=3")
    assert list(made.space) == ["batch_size", "opt"]
    assert made.command[2:5] == ("--lr", "0.5", "--epochs=3")


def test_only_the_holes_are_filled(tmp_path):
    """A command with holes gets a parameter for each of them, by its name or by its place."""
    made = started(tmp_path, ARGPARSE, "--lr", "{rate}", "--seed={seed}", "--opt", "{opt}")
    assert made.space == {
        "rate": "1e-5..1e-1:log:default=1e-3",
        "seed": "1",
        "opt": "sgd,adam:default=sgd",
    }
    assert made.command[2:] == ("--lr", "{rate}", "--seed={seed}", "--opt", "{opt}")


def test_a_hole_for_all(tmp_path):
    """{args} writes --name, so that parameters are called like their flags."""
    made = started(tmp_path, ARGPARSE, "{args}")
    assert list(made.space) == ["lr", "batch-size", "opt", "epochs"]
    assert made.left == ("--seed", "--amp")


@pytest.mark.parametrize("words", [(), ("fit",), ("fit", "--data", "x")])
def test_subcommands(tmp_path, words):
    """The usual subcommand, or the typed one, has its flags behind it and the program's before."""
    made = started(tmp_path, SUBCOMMANDS, *words)
    assert list(made.space) == ["dropout", "lr"]
    behind = "fit --data x --lr {lr}" if len(words) == 3 else "fit --lr {lr} --data DATA"
    assert " ".join(made.command) == f"python script.py --dropout {{dropout}} {behind}"


def test_what_the_user_has_to_fill_in(tmp_path):
    """A required option without a default stands in the command as a word in capitals, and is told."""
    script(tmp_path, SUBCOMMANDS)
    error = refusal(tmp_path, SpaceError, command=(sys.executable, "script.py", "fit"))
    assert error.paste.endswith("--data DATA")
    assert " Yours to fill in: DATA. " in error.hint


def test_what_is_pasted_is_accepted(tmp_path):
    """The refusal's command line makes a sweep whose first trial is the script with its own defaults."""
    script(tmp_path, ARGPARSE)
    paste = refusal(tmp_path, SpaceError, command=(sys.executable, "script.py")).paste
    pasted = shlex.split(paste.replace("\\\n", " "))
    at = pasted.index("--")
    config = Config("local", None, None, tmp_path / "home", tmp_path)
    typed = specs.Typed(assignments=pasted[3:at:2], command=pasted[at + 1 :])
    made = specs.make(config, typed, elsewhere=False)
    words.check(made.target.command, made.space)
    filled = words.fill(made.target.command, made.space.defaults())
    assert filled[2:] == ["--lr", "0.001", "--batch-size", "64", "--opt", "sgd", "--epochs", "14"]


def test_what_no_log_range_has_is_told(tmp_path):
    """Where the script's own value is 0, the baseline is not its own, and it is said."""
    script(tmp_path, ARGPARSE.replace("1e-3", "0.0"))
    error = refusal(tmp_path, SpaceError, command=(sys.executable, "script.py"))
    assert "No log range has the script's own --lr 0.0: trial 0 takes its middle." in error.hint
    assert (
        "No log range"
        not in refusal(tmp_path, TargetError, target="script.py", assignments=["lr=0.1..1"]).hint
    )


def test_another_subcommand(tmp_path):
    """The subcommand that was typed is the one that is read."""
    assert list(started(tmp_path, SUBCOMMANDS, "export").space) == ["dropout", "alpha"]


def test_click(tmp_path):
    """A click group is read as a parser with subcommands is."""
    made = started(tmp_path, CLICK)
    assert made.space == {
        "lr": "1e-3..1.0:log:default=0.1",
        "nesterov": "true,false:default=true",
        "opt": "sgd,adam",
    }
    assert " ".join(made.command) == (
        "python script.py train --lr {lr} --nesterov {nesterov} --opt {opt} OUT"
    )


def test_a_parser_before_the_parser(tmp_path):
    """A first parser for --config alone does not hide the real one."""
    assert started(tmp_path, TIMM).space == {"drop": "0..0.5:default=0.0"}


HYDRA = """
import hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg): open("trained", "w").close()
if __name__ == "__main__":
    main()
"""
STAND_IN = "def main(*given, **named): return lambda function: function\n"


def test_hydra(tmp_path, monkeypatch):
    """A config's values are parameters with dotted names, and one hole takes them all."""
    # Stands in for hydra-core where it is not installed; its own compose is tried first where it is.
    (tmp_path / "site").mkdir()
    script(tmp_path / "site", STAND_IN, "hydra.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/config.yaml").write_text(
        "defaults: [_self_]\noptim:\n  lr: 0.001\n  nesterov: true\nepochs: 5\nout_dir: x\n"
    )
    made = started(tmp_path, HYDRA)
    assert made.space == {
        "optim.lr": "1e-5..1e-1:log:default=1e-3",
        "optim.nesterov": "true,false:default=true",
        "epochs": "5",
    }
    assert made.command[-1] == "{hydra}"
    assert started(tmp_path, HYDRA, "optim.lr={rate}").space == {"rate": "1e-5..1e-1:log:default=1e-3"}
    assert list(started(tmp_path, HYDRA, "optim.lr=0.1").space) == ["optim.nesterov", "epochs"]


DATACLASS = """
import dataclasses, hydra
@dataclasses.dataclass
class Config:
    lr: float = 0.01
@hydra.main(config_name="config")
def main(cfg: Config): ...
main()
"""


def test_a_hydra_config_of_python(tmp_path, monkeypatch):
    """Where there is no file to read, the dataclass that the function takes says the same."""
    (tmp_path / "site").mkdir()
    script(tmp_path / "site", STAND_IN, "hydra.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    assert started(tmp_path, DATACLASS).space == {"lr": "1e-4..1.0:log:default=0.01"}


BESIDE = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)"


def test_a_parser_in_a_module_beside(tmp_path):
    """Options may be defined in another file of the project, and a module may be named with -m."""
    script(
        tmp_path, "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float)", "o.py"
    )
    script(tmp_path, "from o import p\np.parse_args()")
    assert flags(tmp_path).options[0].flag == "--lr"
    module = read_flags(of_command([sys.executable, "-m", "script"]), tmp_path, sys.executable)
    assert module.options[0].flag == "--lr"


def test_what_is_no_python_script(tmp_path):
    """Other programs are not run."""
    (tmp_path / "run.sh").write_text("touch trained")
    assert read_flags(of_command(["sh", "run.sh"]), tmp_path, sys.executable) is None
    assert read_flags(of_command(["python", "-m"]), tmp_path, sys.executable) is None


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (Option("lr", kind="float"), "1e-5..1e-1:log"),
        (Option("learning_rate", kind="float", default=3e-4), "1e-6..1e-2:log:default=3e-4"),
        (Option("lr", kind="float", default=1.0), "1e-2..1.0:log:default=1.0"),
        (Option("weight_decay", kind="float", default=0.0), "1e-6..1e-2:log"),
        (Option("lr_decay", kind="float", default=0.95), "0.5..0.999:default=0.95"),
        (Option("dropout", kind="float", default=0.6), "0..0.6:default=0.6"),
        (Option("momentum", kind="float", default=0.0), "0..0.99:default=0.0"),
        (Option("batchSize", kind="int"), "16,32,64,128"),
        (Option("batch_size", kind="int", default=1), "1,2,4:default=1"),
        (Option("test_batch_size", kind="int", default=1000), None),
        (Option("epochs", kind="int", required=True), "10"),
        (Option("max_depth", kind="int", default=6), "1..12:default=6"),
        (Option("hidden", kind="int", default=128), "32..512:log:default=128"),
        (Option("d_model", kind="int", default=64), "32,64,128:default=64"),
        (Option("tau", kind="float", default=0.005), "1e-4..1e-2:log:default=5e-3"),
        (Option("share", kind="float", default=0.5), "0.1..1.0:default=0.5"),
        (Option("offset", kind="float", default=-1.0), None),
        (Option("scale", kind="float", default=float("inf")), None),
        (Option("lr", kind="float", many=True), None),
        (Option("fast", kind="switch"), None),
        (Option("data.batch_size", kind="int", default=8), "2,4,8,16,32:default=8"),
        (Option("model.hidden", kind="int", default=8), "2..32:log:default=8"),
        (Option("title", kind="text", default="x"), None),
        (Option("model", choices=("a b", "c")), '["a b", "c"]'),
        (Option("arch", choices=tuple("abcdefghij"), default="b"), "b"),
        (Option("arch", choices=("only",)), None),
    ],
)
def test_what_is_suggested(option, text):
    """Names, types and defaults say what a range should be; what they do not say is left alone."""
    assert suggest(option) == text
    if text is not None:
        parameter = compact.parse(text)
        assert compact.parse(compact.show(parameter)) == parameter


def test_the_command_to_paste():
    """A parameter a line, no line too long, and quotes only where JSON needs them."""
    options = [Option(f"rate_{n}_of_it", f"--rate-{n}", "float", 0.01) for n in range(4)]
    found = Flags("flags", (Level(None, (*options, Option("model", "--model", choices=("a b", "c")))),))
    text = starter.show(
        starter.start(found, ["python", "my train.py"], {"model": "c", "rate_0_of_it": "0..1"})
    )
    assert text.splitlines()[:2] == ["awstune sweep \\", "  -p rate_0_of_it=0..1 \\"]
    assert "  -- python 'my train.py' --rate-0 {rate_0_of_it}" in text
    assert max(map(len, text.splitlines())) <= 79
    assert '  -p \'model=["a b", "c"]\' \\\n' in starter.show(starter.start(found, []), "train.py")


def refusal(folder, error, **typed):
    """What a sweep without a space is told."""
    with pytest.raises(error) as caught:
        specs.make(
            Config("local", None, None, folder / "home", folder), specs.Typed(**typed), elsewhere=False
        )
    return caught.value


def test_a_command_without_a_space_is_refused_with_one(tmp_path):
    """The refusal of a command is a command line to paste."""
    script(tmp_path, ARGPARSE)
    error = refusal(tmp_path, SpaceError, command=(sys.executable, "script.py"))
    assert (
        error.message
        == f"nothing says what to search: {sys.executable} script.py has options, but no `space`"
    )
    assert "  -p lr=1e-5..1e-1:log:default=1e-3 \\\n" in error.paste
    assert "Left as the script has them: --seed, --amp." in error.hint


@pytest.mark.parametrize("text", [ARGPARSE, SUBCOMMANDS, ARGPARSE.replace("train(", "fit(")])
def test_a_script_without_a_function_is_refused_with_its_command(tmp_path, text):
    """Whatever keeps a script from being a function, its options make it a command; -p is kept."""
    script(tmp_path, text)
    error = refusal(tmp_path, TargetError, target="script.py", assignments=["lr=0.1..0.2"])
    assert "  -p lr=0.1..0.2 \\\n" in error.paste
    # Where the line folds depends on how long the interpreter's path is.
    assert "python script.py --" in error.paste.replace(" \\\n    ", " ")
    assert not (tmp_path / "trained").exists()


def test_a_script_that_knows_trials_is_no_program(tmp_path):
    """Where a function takes a trial already, the hint is how to have it found."""
    script(tmp_path, ARGPARSE.replace("train(", "fit(").replace("args, epoch", "trial"))
    assert refusal(tmp_path, TargetError, target="script.py").hint.endswith("script.py:main")


def test_a_module_without_a_function(tmp_path, monkeypatch):
    """A dotted name is run with -m."""
    monkeypatch.chdir(tmp_path)
    script(tmp_path, ARGPARSE)
    assert " -m script --lr {lr}" in refusal(tmp_path, TargetError, target="script").paste


def test_a_function_without_a_space(tmp_path):
    """train(trial) is searched as it is; train(args) has never heard of a trial, and is a command."""
    script(tmp_path, ARGPARSE.replace("args, epoch", "trial"))
    assert refusal(tmp_path, SpaceError, target="script.py").paste.splitlines()[-1] == "  script.py"
    script(tmp_path, ARGPARSE.replace("args, epoch", "args"))
    assert "python script.py --lr {lr}" in refusal(tmp_path, SpaceError, target="script.py").paste
    script(tmp_path, "def train(trial): ...")
    assert (
        "-p lr=1e-5..1e-1:log -p batch=16,32,64 script.py"
        in refusal(tmp_path, SpaceError, target="script.py").hint
    )
