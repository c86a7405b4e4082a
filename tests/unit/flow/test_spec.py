"""What was typed becomes a spec, or is refused before anything is spent."""

from __future__ import annotations

import pytest

from awstune.config import Config
from awstune.errors import SpaceError, TargetError, UsageError
from awstune.flow import forecast, resume
from awstune.flow import spec as specs
from awstune.search.space import Float
from awstune.sweeps.folder import Folder

SCRIPT = """
from awstune import Float, Space

space = Space(lr=Float(1e-4, 1e-1, log=True), width=Float(1.0, 2.0))
{more}


def train(trial):
    return trial.params["lr"]
"""


@pytest.fixture
def config(tmp_path):
    """A folder with a training script."""
    (tmp_path / "train.py").write_text(SCRIPT.format(more='metric = "score"'))
    return Config("local", None, None, tmp_path / "home", tmp_path)


def made(config, elsewhere=False, **typed):
    """The spec of what was typed."""
    return specs.make(config, specs.Typed(**{"target": "train.py", **typed}), elsewhere=elsewhere)


def test_what_is_typed_wins_over_the_module(config):
    """-p narrows the module's space, --metric and --mode win over its own."""
    spec = made(config, assignments=["lr=0.01..0.02"], metric="loss")
    assert (spec.space["lr"].low, spec.space["width"].low) == (0.01, 1.0)
    assert (spec.metric, spec.mode, spec.trials, spec.search) == ("loss", "min", 20, "bayes")


def test_a_float_stays_a_float(config):
    """Bounds without a point, over a float, are a float's."""
    spec = made(config, assignments=["lr=1..10:log"])
    assert spec.space["lr"] == Float(1.0, 10.0, log=True)


def test_a_space_file_stands_between(config):
    """--space overrides the module, -p overrides --space."""
    (config.cwd / "space.toml").write_text('[space]\nlr = "0.2..0.3"\nwidth = "5..6.0"\n')
    spec = made(config, space_file=str(config.cwd / "space.toml"), assignments=["width=7..8.0"])
    assert (spec.space["lr"].low, spec.space["width"].low) == (0.2, 7.0)


INTS = """
from awstune import Float, Int, Space

space = Space(lr=Float(1e-4, 1e-1, log=True), width=Int(16, 256, log=True))
metric = "loss"
mode = "min"


def train(trial):
    return trial.params["lr"]
"""


@pytest.mark.parametrize(
    ("typed", "message", "hint"),
    [
        ("lrr=1e-3..1e-1", "lrr is not in the space of train.py; did you mean lr", "--space FILE"),
        ("epochs=20", "epochs is not in the space of train.py, which has lr, width", "--space FILE"),
        ("width=1.5..2", "width is a whole number in the space", "write width=1..2"),
        ("width=1e2..1e3:log", "width is a whole number in the space", "write width=100..1000:log"),
        ("width=2,2.5", "width is a whole number in the space", "write width=16..256:log"),
    ],
)
def test_p_replaces_what_the_space_has(config, typed, message, hint):
    """A slip in a name or a number does not search what the script never reads."""
    (config.cwd / "train.py").write_text(INTS)
    with pytest.raises(SpaceError, match=message) as caught:
        made(config, assignments=[typed])
    assert hint in caught.value.hint


def test_where_a_parameter_can_be_added(config):
    """By --space FILE over a module's space; by -p where a module has none, and for a command."""
    (config.cwd / "more.toml").write_text('epochs = "5..9"\n')
    spec = made(config, space_file=str(config.cwd / "more.toml"), assignments=["epochs=2..3"])
    assert (list(spec.space), spec.space["epochs"].high) == (["lr", "width", "epochs"], 3)
    command = made(config, target=None, command=("echo", "{args}"), assignments=["n=1..4"])
    assert list(command.space) == ["n"]
    (config.cwd / "train.py").write_text("def train(trial): ...")
    assert list(made(config, assignments=["new=1..4"]).space) == ["new"]


@pytest.mark.parametrize(
    ("metric", "mode"), [(None, "min"), ("loss", "min"), ("acc", "max"), ("speed", None)]
)
def test_a_modules_mode_is_its_own_metrics(config, metric, mode):
    """Another metric than the module's may be the other way round: its name says, or nobody does."""
    (config.cwd / "train.py").write_text(INTS)
    assert made(config, metric=metric).mode == mode
    assert made(config, metric=metric, mode="max").mode == "max"


def test_a_grid_without_a_budget_runs_all_its_points(config):
    """Only --search grid may leave the number of trials open."""
    points = ["lr=0.1..0.2:n=3", "width=1,2"]
    assert made(config, search="grid", assignments=points).trials is None
    with pytest.raises(SpaceError):
        made(config, search="grid")
    assert made(config, search="grid", trials=9).trials == 9


def test_a_sweep_elsewhere_needs_metric_and_mode(config):
    """An instance is not rented to find out what better means."""
    with pytest.raises(UsageError, match="higher or a lower score"):
        made(config, elsewhere=True)
    assert made(config, elsewhere=True, mode="max").mode == "max"


def test_a_spec_file_says_what_is_not_typed(config):
    """--spec runs a sweep again; what is typed beside it wins."""
    first = made(config, trials=7, seed=3, assignments=["lr=0.01..0.02"])
    first.write(config.cwd / "again.toml")
    again = made(config, target=None, spec_file=str(config.cwd / "again.toml"), trials=2)
    assert (again.trials, again.seed, again.space["lr"].low) == (2, 3, 0.01)


def test_two_targets_or_none_are_refused(config):
    """A script and a command at once, or neither, is status 2."""
    with pytest.raises(TargetError, match="two targets"):
        made(config, command=("python", "train.py"))
    with pytest.raises(TargetError, match="nothing says what to run"):
        made(config, target=None)


def test_a_space_file_that_is_none(config):
    """A file that is not there, or is no TOML, is named with the right form."""
    with pytest.raises(SpaceError, match="cannot read"):
        specs.read_space(config.cwd / "none.toml")
    (config.cwd / "bad.toml").write_text("lr: 1")
    with pytest.raises(SpaceError, match="is not TOML"):
        specs.read_space(config.cwd / "bad.toml")


def test_the_forecast_shows_the_first_trials(config):
    """A dry run has the baseline first, and changes nothing on the disk."""
    ahead = forecast.make(config, made(config, trials=3), elsewhere=False, usd_per_hour=None)
    assert ahead.suggestions[0].why == "baseline"
    assert len(ahead.suggestions) == 3
    assert ahead.to_json()["travels"] is None
    assert not (config.cwd / "sweeps").exists()


def test_more_trials_on_resume(config):
    """+N adds, N replaces, another metric brings its own mode; nonsense is refused and changes nothing."""
    spec = made(config, trials=5)
    folder = Folder.create(config.cwd, "s", "train")
    spec.write(folder.spec_file)
    resume.Changes(trials="+3").apply(folder)
    assert specs.Spec.read(folder.spec_file).trials == 8
    resume.Changes(trials="4").apply(folder)
    resume.Changes(metric="loss").apply(folder)
    assert specs.Spec.read(folder.spec_file).mode == "min"
    resume.Changes(metric="accuracy").apply(folder)
    assert specs.Spec.read(folder.spec_file).mode == "max"
    with pytest.raises(UsageError, match="higher or a lower speed"):
        resume.Changes(metric="speed").refuse(folder)
    assert specs.Spec.read(folder.spec_file).trials == 4
    for nonsense in ("+", "0", "three", "-1"):
        with pytest.raises(UsageError, match="no number of trials"):
            resume.Changes(trials=nonsense)
