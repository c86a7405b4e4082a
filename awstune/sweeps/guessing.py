"""What one option of a script is worth searching over, guessed from its name, type and default.

What says nothing about a range (paths, seeds, switches) is left as the script has it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from awstune.errors import SpaceError
from awstune.search import compact
from awstune.search.parameters import Choice, Fixed

_MOST_CHOICES = 8
_Maker = Callable[[float | None, str], str | None]


@dataclass(frozen=True)
class Option:
    """One option of a script.

    Attributes:
        name: what the parameter is called: ``batch_size``, or dotted for Hydra.
        flag: as it is typed, ``--batch-size``; None for a positional argument.
        kind: "int", "float", "bool", "text", or "switch" for a flag without a value.
        default: the script's; None where there is none.
        choices: the values that it takes; empty where any will do.
        required: whether the script refuses to run without it.
        many: whether it takes several values.
    """

    name: str
    flag: str | None = None
    kind: str = "text"
    default: Any = None
    choices: tuple[Any, ...] = ()
    required: bool = False
    many: bool = False


def suggest(option: Option) -> str | None:
    """The space of one option in the compact form; None where nothing says what it should be.

    Args:
        option: a script's.
    """
    plumbing = _is(option, _PLUMBING) and not (_is(option, _BATCH) and not _is(option, _ASIDE))
    text = None if option.many or plumbing else _guess(option)
    return text if text is not None and _reads(text) else None


def _reads(text: str) -> bool:
    try:
        compact.parse(text)
    except SpaceError:
        return False
    return True


def _guess(option: Option) -> str | None:
    if option.choices:
        return _among(option)
    if option.kind == "bool":
        return _listed([True, False], option.default)
    if option.kind not in ("int", "float"):
        return None
    if _is(option, _BUDGET) and not _is(option, _LAYERS):
        return _budget(option)
    return _number(option)


# What is never worth searching: where things are, who runs them, how much is printed.
_PLUMBING = re.compile(
    r"seed|device|gpus?|cuda|cpu|mps|workers?|jobs|threads|procs?|nodes?|rank|world|port|host|url|path|dir|"
    r"folder|file|output|out|save|load|checkpoint|ckpt|resume|log|logging|wandb|project|run|name|tag|"
    r"interval|freq|frequency|every|print|verbose|verbosity|debug|test|val|eval|valid|data|dataset|root|"
    r"classes|channels|vocab|image|img|resolution|version|config|backend|precision|dtype|local|eps|epsilon|"
    r"patience|limit|timeout|start|trials?|repeats?|folds?|kernel|stride|padding|pool|crop|patch|window"
)
_ASIDE = re.compile(r"test|val|eval|valid|log|limit|workers?")  # per_device_train_batch_size is none of them
_BUDGET = re.compile(r"epochs?|steps?|iters?|iterations?|rounds|budget|max")
_BATCH = re.compile(r"batch|batchsize|bs|bsz")
_RATE = re.compile(r"lr|alpha|eta|rate")
_DECAY = re.compile(r"decay|wd|l1|l2|reg|penalty|lambda|lamda|wdecay")
_DROP = re.compile(r"drop|dropout|droprate|droppath")
_MOMENTUM = re.compile(r"momentum|beta1|rho")
_LAYERS = re.compile(r"layers?|depth|blocks?")
_WIDTH_WORD = re.compile(
    r"hidden|units?|width|size|features?|filters?|neurons|nhid|planes|estimators|trees|leaves"
)
_TWOS = re.compile(r"dim|embed|embedding|heads?|model|nhead|emsize|embd")
_SHRINK = re.compile(r"gamma|beta2|beta")
_SMALL = re.compile(r"smoothing|warmup|ratio")


def _words(option: Option) -> list[str]:
    # batchSize and batch-size are one name; data.batch_size is one too, whatever its group is called.
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", option.name.rpartition(".")[2])
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def _is(option: Option, pattern: re.Pattern[str]) -> bool:
    return any(pattern.fullmatch(word) for word in _words(option))


def _among(option: Option) -> str | None:
    if len(option.choices) > _MOST_CHOICES:
        return None if option.default is None else compact.show(Fixed(option.default))
    return _listed(list(option.choices), option.default)


def _listed(values: list[Any], default: Any) -> str | None:
    if len(set(map(str, values))) < 2:  # noqa: PLR2004  nothing to choose
        return None
    return compact.show(Choice(*values, default=default if default in values else None))


def _budget(option: Option) -> str | None:
    default = option.default if _known(option) else None
    if default is None or default <= 0:
        return "10" if option.required else None
    return _show(default)


def _known(option: Option) -> bool:
    return isinstance(option.default, (int, float)) and not isinstance(option.default, bool)


def _number(option: Option) -> str | None:
    default = option.default if _known(option) and math.isfinite(option.default) else None
    if default is not None and default < 0:
        return None
    for pattern, make in _BY_NAME:
        if _is(option, pattern):
            return make(default, option.kind)
    return _by_default(default, option.kind)


def _batch(default: float | None, _: str) -> str | None:
    return _ladder(int(default), (0.25, 0.5, 1, 2, 4)) if default else "16,32,64,128"


def _ladder(middle: int, factors: Iterable[float]) -> str:
    steps = sorted({max(1, int(middle * factor)) for factor in factors})
    return f"{','.join(map(str, steps))}:default={middle}"


def _rate(default: float | None, kind: str) -> str | None:
    if kind == "int":
        return _by_default(default, kind)
    if not default:
        return "1e-5..1e-1:log"
    # Two decades either side of its own, but steps larger than one, or than the script's, do not help.
    return _decades(default, 2, below=max(1.0, default))


def _decay(default: float | None, kind: str) -> str | None:
    if kind == "int":
        return None
    if not default:
        return "1e-6..1e-2:log"
    # What multiplies a learning rate is near one; what is added to a loss is small.
    return _shrink(default, kind) if default >= 0.5 else _decades(default, 2, below=1.0)  # noqa: PLR2004  # what people write as a default tells its scale


def _decades(default: float, width: int, below: float = math.inf) -> str:
    # A hair more, so that log10(1e-3) is -3 for a machine too.
    exponent = math.floor(math.log10(default) + 1e-9)
    high = exponent + width
    if math.isfinite(below):
        high = min(high, math.ceil(math.log10(below) - 1e-9))
    return f"{_power(exponent - width)}..{_power(high)}:log:default={_show(default)}"


def _power(exponent: int) -> str:
    return f"1e{exponent}" if exponent else "1.0"


def _between(low: float, high: float) -> _Maker:
    """A maker of a linear range of floats, widened where the default lies outside."""

    def make(default: float | None, kind: str) -> str | None:
        if kind == "int":
            return _by_default(default, kind)
        given = low if default is None else default
        bottom = _show(min(low, given)) if min(low, given) else "0"
        return f"{bottom}..{_show(float(max(high, given)))}" + (
            "" if default is None else f":default={_show(default)}"
        )

    return make


_shrink = _between(0.5, 0.999)


def _layers(default: float | None, kind: str) -> str | None:
    middle = int(default) if default and kind == "int" else None
    if middle is None:
        return "1..4" if kind == "int" else None
    return f"1..{max(4, 2 * middle)}:default={middle}"


def _width(default: float | None, kind: str) -> str | None:
    if kind != "int":
        return _by_default(default, kind)
    if not default:
        return "16..256:log"
    return f"{max(1, int(default) // 4)}..{4 * int(default)}:log:default={int(default)}"


def _twos(default: float | None, kind: str) -> str | None:
    # Heads divide a model's width: where one changes, the steps have to be factors.
    if kind != "int" or not default:
        return None if kind == "int" else _by_default(default, kind)
    factors = (0.5, 1, 2) if default % 2 == 0 else (1, 2)
    return _ladder(int(default), factors)


def _by_default(default: float | None, kind: str) -> str | None:
    """What a number that no name explains may be: a share stays one, all else moves by tens."""
    if not default or kind == "int":
        return None
    if 0.1 <= default <= 1:  # noqa: PLR2004  a share
        return f"0.1..1.0:default={_show(default)}"
    return _decades(default, 1)


_BY_NAME = (
    (_BATCH, _batch),
    (_DECAY, _decay),
    (_DROP, _between(0, 0.5)),
    (_MOMENTUM, _between(0.5, 0.99)),
    (_SHRINK, _shrink),
    (_SMALL, _between(0, 0.3)),
    (_RATE, _rate),
    (_LAYERS, _layers),
    (_TWOS, _twos),
    (_WIDTH_WORD, _width),
)


def _show(value: float) -> str:
    """A number as people write it: 1e-3 below a hundredth where that is all there is to say."""
    text = f"{value:e}"
    mantissa, exponent = text.split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    if value and value < 0.01 and len(mantissa) <= 3:  # noqa: PLR2004  # what people write as a default tells its scale
        return f"{mantissa}e{int(exponent)}"
    return compact.show(Fixed(value))
