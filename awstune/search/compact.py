"""The compact form of a parameter: ``1e-5..1e-1:log``, ``sgd,adam``, ``20``; parsed, and shown again.

    range   LOW..HIGH[:log][:step=S][:n=N][:default=V][:prior=V]    an int, or a float if a bound is one
    choice  WORD,WORD…[:default=WORD][:weights=W,W…]                a word is an int, float, true, false,
    fixed   WORD                                                    none or text
    JSON    ["a,b", "c"][:default="c"]   {"a": 1}   "text"          where commas or colons are data

``:when=NAME=VALUE[,VALUE…]`` after any of them makes it conditional; it may be repeated.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from awstune.errors import SpaceError
from awstune.search.parameters import Choice, Fixed, Float, Int, Parameter

NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})")
NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")
# Two dots beside a number, or a dash between two of which one is no int: 1..x, 1_0..2_0, 1e-5-1e-1.
NEARLY = re.compile(
    rf"[+-]?\.?\d[\w.+-]*\.\.|(?:(?!\.\.).)*\.\.\s*{NUMBER}$|(?=.*[.eE]){NUMBER}-{NUMBER}$", re.DOTALL
)
BRACKETS = (("(", ")"), ("[", "]"), ("{", "}"))
WORDS = {"true": True, "false": False, "none": None}
RANGE_OPTIONS = ("log", "step", "n", "default", "prior", "when")
CHOICE_OPTIONS = ("default", "weights", "when")
FORMS = "lr=1e-5..1e-1:log, layers=1..4, opt=sgd,adam or epochs=20"


def parse_assignment(text: str) -> tuple[str, Parameter]:
    """``NAME=SPACE`` to the name and its parameter.

    Raises:
        SpaceError: what is not of that form; the hint shows the right one.
    """
    name, equals, rest = text.partition("=")
    if not equals or not NAME.fullmatch(name):
        raise SpaceError(f"{text!r} is not of the form NAME=SPACE", f"write {FORMS}")
    return name, parse(rest, name)


def parse(text: str, name: str = "") -> Parameter:
    """The compact form to its parameter.

    Args:
        text: the part after ``NAME=``.
        name: for messages.

    Raises:
        SpaceError: what is not of that form; the hint shows the right one.
    """
    try:
        return _parse(text.strip())
    except SpaceError as error:
        prefix = f"{name}=" if name else ""
        hint = re.sub(r"^write (?=[^ ]*(\.\.|,|\[|\"))", f"write {prefix}", error.hint)
        raise SpaceError(f"{prefix}{text}: {error.message}", hint) from None


def _parse(text: str) -> Parameter:
    if not text:
        raise SpaceError("nothing is given to search over", f"write for example {FORMS}")
    if text[0] in '["{':
        return _parse_json(text)
    body, *options = _split(text)
    if "..." not in body and (match := RANGE.fullmatch(body)):
        return _range(match[1], match[2], _options(options, RANGE_OPTIONS))
    _refuse_broken_range(body)
    words = [word.strip() for word in body.split(",")]
    if "" in words:
        raise SpaceError("an option is empty", f"write {','.join(w for w in words if w) or 'sgd,adam'}")
    return _several([_word(word) for word in words], _options(options, CHOICE_OPTIONS))


def _parse_json(text: str) -> Parameter:
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        raise SpaceError(
            "this is not JSON", """write ["a,b","c"] in single quotes: '["a,b","c"]'"""
        ) from None
    if value == []:
        raise SpaceError("the list is empty", """write ["a,b","c"] in single quotes""")
    rest = text[end:]
    if rest and not rest.startswith(":"):
        raise SpaceError(f"{rest!r} is left over after the JSON", """write ["a,b","c"]:default="c\"""")
    options = _options(_split(rest)[1:], CHOICE_OPTIONS)
    return _several(value if isinstance(value, list) else [value], options)


def _split(text: str) -> list[str]:
    """Split at the colons that stand outside of double quotes."""
    masked = re.sub(r'"(?:\\.|[^"\\])*"', lambda quoted: "_" * len(quoted[0]), text)
    cuts = [-1, *(match.start() for match in re.finditer(":", masked)), len(text)]
    return [text[a + 1 : b] for a, b in itertools.pairwise(cuts)]


def _refuse_broken_range(body: str) -> None:
    if "," in body:
        _refuse_parted(body)
    elif re.fullmatch(rf"{NUMBER}\.\.\.+{NUMBER}", body):
        numbers = re.findall(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", body)
        raise SpaceError("a range has two dots", f"write {numbers[0]}..{numbers[-1]}")
    elif NEARLY.match(body):
        raise SpaceError("a range has a number on either side of two dots", f"write {_meant(body)}")


def _refuse_parted(body: str) -> None:
    if RANGE.fullmatch(meant := body.replace(",", ".")):
        raise SpaceError("a number has a point, and no comma", f"write {meant}")
    words = [word.strip() for word in body.split(",")]
    for word in words:
        if RANGE.fullmatch(word):
            log = ":log" if "log" in words else ""
            raise SpaceError(f"the range {word} is among options", f"write {word}{log}")
        if any(word.count(opened) != word.count(closed) for opened, closed in BRACKETS):
            hint = "a range is 0..1, or 1e-5..1e-1:log; text with commas is JSON"
            raise SpaceError(f"its commas leave {word} as an option", hint)


def _meant(body: str) -> str:
    """The range that was nearly written."""
    plain = re.sub(rf"^({NUMBER})-({NUMBER})$", r"\1..\2", re.sub(r"[_ ]", "", body))
    half = re.fullmatch(rf"({NUMBER})?\.\.({NUMBER})?", plain)
    if RANGE.fullmatch(plain) or half is None:
        return plain if half else "1e-5..1e-1:log"
    return _completed(half[1], half[2])


def _completed(low: str | None, high: str | None) -> str:
    """A range where a bound was left out: up to ten times the other one, or from there to 0."""
    known = _word(str(low or high))
    other = 10 * known if (known > 0) == (low is not None) else 0
    ends = [known, other if known else 1 if low is not None else -1]
    return "..".join(map(_show_number, ends if low is not None else reversed(ends)))


def _options(parts: list[str], known: tuple[str, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if name not in known or (name == "log") == bool(equals) or (equals and not value):
            words = " ".join(":log" if k == "log" else f":{k}=…" for k in known)
            raise SpaceError(f"there is no option :{part} here", f"the options are {words}")
        if name == "when":
            parent, values = _when(value)
            options.setdefault("when", {})[parent] = values
        elif name in options:
            raise SpaceError(f":{name} is there twice", f"keep one :{name}")
        else:
            options[name] = value if equals else True
    return options


def _when(text: str) -> tuple[str, list[Any]]:
    parent, equals, values = text.partition("=")
    if not equals or not NAME.fullmatch(parent) or not values:
        raise SpaceError(f":when={text} names no parameter and value", "the form is :when=opt=sgd")
    if values.startswith("["):
        return parent, _json_or_refuse(values)
    return parent, [_word(word) for word in values.split(",")]


def _json_or_refuse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise SpaceError(f"{text} is not JSON", """write ["a,b","c"]""") from None


def _range(low: str, high: str, options: dict[str, Any]) -> Parameter:
    whole = all(re.fullmatch(r"[+-]?\d+", bound) for bound in (low, high))
    kind: Callable[..., Parameter] = Int if whole and _whole(options.get("step", "1")) else Float
    number = int if kind is Int else float
    given = {"log": bool(options.get("log")), "when": options.get("when")}
    for name in ("step", "default", "prior"):
        given[name] = None if name not in options else _number(name, options[name])
    given["n"] = None if "n" not in options else _count(options["n"])
    return kind(number(low), number(high), **given)


def _whole(text: str) -> bool:
    return re.fullmatch(r"\d+", text) is not None


def _number(name: str, text: str) -> float:
    value = _word(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SpaceError(f":{name}={text} is no number", f"the form is :{name}=0.1")
    return value


def _count(text: str) -> int:
    if not _whole(text):
        raise SpaceError(f":n={text} is no whole number", "the form is :n=5")
    return int(text)


def _several(values: list[Any], options: dict[str, Any]) -> Parameter:
    when = options.get("when")
    if len(values) == 1:
        if set(options) - {"when"}:
            name = next(iter(set(options) - {"when"}))
            raise SpaceError(f":{name} belongs to a range or a choice", "write sgd,adam or 1e-5..1e-1:log")
        return Fixed(values[0], when=when)
    default = _value(options["default"]) if "default" in options else None
    weights = [_number("weights", w) for w in options["weights"].split(",")] if "weights" in options else None
    return Choice(*values, default=default, weights=weights, when=when)


def _value(text: str) -> Any:
    return _json_or_refuse(text) if text[0] in '["{' else _word(text)


def _word(word: str) -> Any:
    if word in WORDS:
        return WORDS[word]
    if re.fullmatch(r"[+-]?\d+", word):
        return int(word)
    return float(word) if re.fullmatch(NUMBER, word) else word


def show(parameter: Parameter, *, default: bool = True) -> str:
    """The compact form of a parameter; ``parse`` reads it back as the same one.

    Args:
        parameter: what to show.
        default: whether with its default; without it, it is another parameter.
    """
    if isinstance(parameter, Fixed):
        text = _show_several([parameter.value])
    elif isinstance(parameter, Choice):
        text = _show_several(list(parameter.options)) + _show_choice_options(parameter, default=default)
    else:
        text = _show_range(parameter, default=default)
    return text + "".join(f":when={parent}={_show_list(values)}" for parent, values in parameter.conditions)


def _show_range(parameter: Float | Int, *, default: bool) -> str:
    whole = isinstance(parameter, Int)
    bounds = [_show_number(b, whole=whole) for b in (parameter.low, parameter.high)]
    given = [":log"] if parameter.log else []
    for name in ("step", "n", *(["default"] if default else ()), "prior"):
        value = getattr(parameter, name)
        if value is not None:
            given.append(f":{name}={_show_number(value, whole=whole)}")
    return "..".join(bounds) + "".join(given)


def _show_number(value: float, *, whole: bool = False) -> str:
    if isinstance(value, int) or (whole and value == int(value)):
        return str(int(value))
    return re.sub(r"e([+-]?)0+(?=\d)", r"e\1", repr(float(value))).replace("e+", "e")


def _show_choice_options(choice: Choice, *, default: bool) -> str:
    first = f":default={_show_value(choice.default)}" if default and choice.default is not None else ""
    weights = "" if choice.weights is None else ":weights=" + ",".join(map(_show_number, choice.weights))
    return first + weights


def _show_several(values: list[Any]) -> str:
    words = [_plain(value) for value in values]
    text = ",".join(word or "" for word in words)
    if None not in words and not RANGE.fullmatch(text):
        return text
    return json.dumps(values)


def _show_list(values: tuple[Any, ...]) -> str:
    words = [_plain(value) for value in values]
    return json.dumps(values) if None in words else ",".join(word or "" for word in words)


def _show_value(value: Any) -> str:
    return _plain(value) or json.dumps(value)


def _plain(value: Any) -> str | None:
    """The value as a word; None where only JSON can say it."""
    if isinstance(value, (bool, type(None))):
        return json.dumps(value).replace("null", "none")
    if isinstance(value, (int, float)):
        return _show_number(value)
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z_/][\w./@+-]*", value) and ".." not in value:
        return value if _word(value) == value else None
    return None


def from_table(name: str, value: Any) -> Parameter:
    """A value of a TOML ``[space]``: text in the compact form, a table of arguments, a list, or fixed.

    From Python it may be a parameter already.

    Raises:
        SpaceError: a table with unknown or missing keys.
    """
    if isinstance(value, Float | Int | Choice | Fixed):
        return value
    if isinstance(value, str):
        return parse(value, name)
    if isinstance(value, list | tuple):
        return parse(json.dumps(value), name)
    if not isinstance(value, Mapping):
        return Fixed(value)
    arguments = dict(value)
    try:
        return _from_arguments(arguments)
    except SpaceError as error:
        raise SpaceError(f"[space] {name}: {error.message}", error.hint) from None
    except TypeError:
        hint = f'write {name} = "1e-5..1e-1:log" or {name} = {{low = 1e-5, high = 0.1, log = true}}'
        raise SpaceError(f"[space] {name} has keys that belong to no parameter", hint) from None


def _from_arguments(arguments: dict[str, Any]) -> Parameter:
    if "options" in arguments:
        return Choice(*arguments.pop("options"), **arguments)
    if "value" in arguments:
        return Fixed(arguments.pop("value"), **arguments)
    bounds = [arguments.get(bound) for bound in ("low", "high")]
    whole = all(isinstance(b, int) for b in bounds) and isinstance(arguments.get("step", 1), int)
    return Int(**arguments) if whole else Float(**arguments)
