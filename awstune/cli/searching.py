"""The options of ``sweep``, by what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import click

from awstune.cli.completing import instance_names
from awstune.cli.options import F, TailCommand, option
from awstune.cli.params import Dollars, Memory, Slots, Span, Url
from awstune.errors import UsageError
from awstune.names import DATA_VARIABLE, MOST_TRIALS

WHAT, HOW, ENDS, WHERE = "What is searched", "How", "When it ends", "Where"
MOST_RUNS = 100

# What the spec keeps as it was typed.
KEPT = (
    "acquisition",
    "confirm",
    "keep",
    "max_time",
    "max_usd",
    "metric_file",
    "metric_regex",
    "repeats",
    "stop_early",
    "stop_when",
    "trial_memory",
    "trial_timeout",
)

_WHAT = (
    option(
        "-p",
        "assignments",
        multiple=True,
        metavar="NAME=SPACE",
        group=WHAT,
        help="A parameter: lr=1e-5..1e-1:log; SPACE is below.",
    ),
    option("--space", "space_file", type=click.Path(), metavar="FILE", group=WHAT, help="A space in TOML."),
    option(
        "--spec",
        "spec_file",
        type=click.Path(),
        metavar="FILE",
        group=WHAT,
        help="A sweep.toml; what is typed beside it wins.",
    ),
    option("--metric", metavar="NAME", group=WHAT, help="What the trials are measured by."),
    option("--metric-regex", metavar="REGEX", group=WHAT, help="Finds it in a command's output."),
    option(
        "--metric-file",
        metavar="FILE",
        group=WHAT,
        help="A CSV or JSON file that a command writes into its trial's folder, {dir}: metrics.csv.",
    ),
    option("--mode", type=click.Choice(["min", "max"]), group=WHAT, help="Which way is better."),
    option(
        "--value",
        type=click.Choice(["last", "best"]),
        group=WHAT,
        help="Which report of a trial counts.  [default: last]",
    ),
    option(
        "--data",
        type=click.Path(),
        metavar="PATH",
        group=WHAT,
        help="A file or folder that trials read: "
        f"{DATA_VARIABLE} tells them where it is. An instance gets it once, not once per sweep.",
    ),
)
_HOW = (
    option(
        "--search",
        type=click.Choice(["bayes", "random", "grid"]),
        group=HOW,
        help="How trials are chosen.  [default: bayes]",
    ),
    option(
        "--trials",
        type=click.IntRange(1, MOST_TRIALS),
        group=HOW,
        help="How many, the baseline among them.  [default: 20]",
    ),
    option(
        "--parallel",
        type=Slots(),
        metavar="N|auto",
        group=HOW,
        help="How many at a time (beyond the cores: a thread each); auto: as many as fit.  [default: 1]",
    ),
    option(
        "--repeats",
        type=click.IntRange(1, MOST_RUNS),
        metavar="K",
        group=HOW,
        help="Run each trial K times, with K seeds; its value is the mean.",
    ),
    option(
        "--confirm",
        type=click.IntRange(1, MOST_RUNS),
        metavar="N",
        group=HOW,
        help="At the end run the best N again, with three new seeds each.",
    ),
    option("--search-seed", "seed", type=int, group=HOW, help="The search's seed.  [default: 0]"),
    option(
        "--acquisition",
        type=click.Choice(["ei", "ucb", "thompson"]),
        group=HOW,
        help="What bayes maximizes.  [default: ei]",
    ),
    option(
        "--keep",
        type=click.Choice(["all", "best", "none"]),
        group=HOW,
        help="Whose checkpoints stay.  [default: best]",
    ),
    option("--python", metavar="PATH", group=HOW, help="The interpreter of the trials."),
    option("--try", "try_", is_flag=True, group=HOW, help="One trial here, two epochs, and nothing else."),
    option("--dry-run", is_flag=True, group=HOW, help="Show what would be done, and do nothing."),
)
_ENDS = (
    option(
        "--stop-early",
        type=click.Choice(["asha", "median"]),
        group=ENDS,
        help="End trials that are not worth going on with.",
    ),
    option(
        "--stop-when", metavar="RULE", group=ENDS, help="End when no trial is worth its price; see below."
    ),
    option("--trial-timeout", type=Span(), group=ENDS, help="A trial that takes longer has failed."),
    option(
        "--trial-memory",
        type=Memory(),
        metavar="GIB",
        group=ENDS,
        help="A trial's process that needs more memory fails.",
    ),
    option("--max-time", type=Span(), group=ENDS, help="End after so long."),
    option("--max-usd", type=Dollars(), metavar="X", group=ENDS, help="End before its instance costs more."),
    option(
        "--notify",
        type=Url(),
        metavar="URL",
        group=ENDS,
        help="Post the headline there, as JSON, when it has ended.",
    ),
)
_WHERE = (
    option(
        "--on",
        metavar="NAME",
        shell_complete=instance_names,
        group=WHERE,
        help="On an instance of yours; else on this machine.",
    ),
    option("--launch", is_flag=True, group=WHERE, help="On a new instance, which ends with the sweep."),
    option(
        "--env",
        multiple=True,
        metavar="NAME",
        group=WHERE,
        help="Hand this variable over to the instance; repeatable.",
    ),
    option("--detach", is_flag=True, group=WHERE, help="Start it and leave; `awstune attach` looks again."),
    option("--yes", is_flag=True, group=WHERE, help="Answer questions in advance."),
    option("--name", metavar="SWEEP", group=WHERE, help="Its name.  [default: the target's, numbered]"),
)

SPACES = (
    ("1e-5..1e-1:log", "A number between both ends, on a log scale."),
    ("1..4   0..0.5", "An int; a float if an end is one."),
    ("0..1.0:step=0.1", "In steps; :n=5 is five points for --search grid."),
    ("1..9:default=3", "What trial 0, the baseline, uses; else the middle."),
    ("1..9:prior=3", "Good values are believed to lie around it."),
    ("sgd,adam   16,32,64", "One of these; numbers are ordered."),
    ("sgd,adam:default=adam", "The baseline's; else the first one."),
    ("sgd,adam:weights=3,1", "How likely each is believed to be good."),
    ("20   sgd", "Fixed: a number, a word, true, false or none."),
    ("0..0.9:when=opt=sgd", "There only where opt is sgd; after any form."),
    ("""'["a,b","c"]'""", "JSON, in quotes, where commas or colons are data."),
)
RULES = (
    ("gain=1%", "The next trial is expected to gain less than 1% of all gained so far."),
    ("worth=50", "A unit of the metric is worth 50 dollars, and the next trial costs more than it gains."),
    ("patience=20", "20 trials in a row brought nothing."),
)


class SweepCommand(TailCommand):
    """``sweep``, whose help says what can be typed for SPACE and RULE, and which knows slips of the pen."""

    legends: ClassVar = {"SPACE, of -p and of --space's FILE": SPACES, "RULE, of --stop-when": RULES}
    allow_extra_args = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuses what belongs behind ``-p`` or ``--`` with the words that put it there."""
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise UsageError(
                error.format_message().rstrip("."),
                f"{ctx.command_path} --help lists them; a script's own options go after --: "
                f"awstune sweep -- python train.py {error.option_name} ...",
            ) from None
        if rest and not ctx.resilient_parsing:
            raise _misplaced(ctx.params.get("target"), rest)
        return rest


def _misplaced(target: str | None, words: Sequence[str]) -> UsageError:
    from awstune.sweeps.words import quoted

    typed = " ".join(map(quoted, words))
    if any("=" in word or ".." in word for word in words):
        spaces = [word if "=" in word else f"NAME={word}" for word in words]
        each = " ".join(f"-p {quoted(space)}" for space in spaces)
        return UsageError(f"{typed}: a parameter's space is one word behind -p", each)
    return UsageError(
        f"{target} and {typed} are too many words for a TARGET",
        f"a command goes after --, behind awstune's own options: awstune sweep -- {target} {typed}",
    )


def with_search_options(function: F) -> F:
    """Adds the options of a sweep to a command."""
    for decorate in reversed((*_WHAT, *_HOW, *_ENDS, *_WHERE)):
        function = decorate(function)
    return function


def kept_of(typed: dict[str, Any]) -> dict[str, Any]:
    """Takes what the spec keeps out of what was typed."""
    options = {key: value for key in KEPT if (value := typed.pop(key)) is not None}
    if env := list(typed.pop("env")):
        options["env"] = env
    if (data := typed.pop("data")) is not None:
        options["data"] = data
    return options
