"""The options of an argparse parser, a click command or a Hydra config, as plain values.

Runs under the trials' Python: standard library, and whichever of click and Hydra the script has loaded.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
_KINDS = {int: "int", float: "float", bool: "bool", str: "text"}
_USUAL = ("train", "fit", "run")  # the subcommand that is meant where none was typed


def of_argparse(parser: argparse.ArgumentParser, words: Iterable[str]) -> Answer:
    """The options of a parser and of the subcommand among the words."""
    return {"style": "flags", "levels": list(_parsers(None, parser, list(words)))}


def _parsers(word: str | None, parser: argparse.ArgumentParser, words: list[str]) -> Iterator[Answer]:
    actions = parser._actions  # noqa: SLF001  argparse has no public list
    below = [action for action in actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001  # argparse has no public name for them
    options = [_of_action(action) for action in actions if action not in below and _takes_part(action)]
    yield {"word": word, "options": options}
    for action in below:
        chosen = _chosen(list(action.choices), words)
        if chosen is not None:
            yield from _parsers(chosen, action.choices[chosen], words)


def _chosen(names: list[str], words: list[str]) -> str | None:
    wanted = [word for word in words if word in names] + [name for name in _USUAL if name in names] + names
    return wanted[0] if wanted else None


def _takes_part(action: argparse.Action) -> bool:
    return not isinstance(action, (argparse._HelpAction, argparse._VersionAction))  # noqa: SLF001  # argparse has no public name for them


def _of_action(action: argparse.Action) -> Answer:
    flags = sorted(action.option_strings, key=lambda flag: not flag.startswith("--"))
    default = None if action.default is argparse.SUPPRESS else action.default
    switch = action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction)
    choices = list(action.choices) if action.choices is not None else []
    return {
        "name": action.dest,
        "flag": flags[0] if flags else None,
        # jsonargparse, and so Lightning's CLI, keeps what was annotated elsewhere.
        "kind": "switch" if switch else _kind(getattr(action, "_typehint", action.type), default),
        "default": _plain(default),
        "choices": [choice for choice in map(_plain, choices) if choice is not None],
        "required": action.required,
        "many": action.nargs not in (None, 0, "?") or isinstance(action, argparse._AppendAction),  # noqa: SLF001  # argparse has no public name for them
    }


def _kind(made_by: Any, default: Any) -> str:
    """The kind of an option's values; that of its default where a function of the script's makes them."""
    if made_by is bool:
        # bool("false") is True: there is nothing to choose.
        return "text"
    if made_by in _KINDS or made_by is None:
        return _KINDS.get(made_by, "text")
    return _KINDS.get(type(default), "text")


def _plain(value: Any) -> Any:
    value = getattr(value, "value", value)  # of an enumeration
    return value if isinstance(value, (bool, int, float, str)) else None


def of_click(command: Any, words: Iterable[str]) -> Answer:
    """The options of a click command, and of the subcommand among the words."""
    return {"style": "flags", "levels": list(_commands(None, command, list(words)))}


def _commands(word: str | None, command: Any, words: list[str]) -> Iterator[Answer]:
    yield {"word": word, "options": [_of_parameter(p) for p in command.params if p.expose_value]}
    chosen = _chosen(list(getattr(command, "commands", ())), words)
    if chosen is not None:
        yield from _commands(chosen, command.commands[chosen], words)


def _of_parameter(parameter: Any) -> Answer:
    flags = sorted((f for f in parameter.opts if f.startswith("-")), key=lambda f: not f.startswith("--"))
    default = parameter.default() if callable(parameter.default) else parameter.default
    switch = getattr(parameter, "is_flag", False) or getattr(parameter, "count", False)
    kind, choices = _clicks_kind(parameter)
    return {
        "name": parameter.name,
        "flag": flags[0] if flags else None,
        "kind": "switch" if switch else kind,
        "default": _plain(default),
        "choices": [choice for choice in map(_plain, choices) if choice is not None],
        "required": parameter.required,
        "many": parameter.nargs != 1 or getattr(parameter, "multiple", False),
    }


def _clicks_kind(parameter: Any) -> tuple[str, Iterable[Any]]:
    """The kind and the choices; newer versions of typer keep Python's type in place of click's."""
    if hasattr(parameter, "type"):
        return _CLICK_KINDS.get(parameter.type.name, "text"), getattr(parameter.type, "choices", ())
    kind = parameter.type_descriptor.annotation
    is_enum = isinstance(kind, type) and issubclass(kind, enum.Enum)
    return _KINDS.get(kind, "text"), kind if is_enum else ()


_CLICK_KINDS = {
    "integer": "int",
    "integer range": "int",
    "float": "float",
    "float range": "float",
    "boolean": "bool",
}


def of_absl(flags: Any, script: str) -> Answer:
    """The flags that a script itself defines, of those that absl knows."""
    own = flags.flags_by_module_dict().get(script) or flags.get_key_flags_for_module(script)
    return {"style": "flags", "levels": [{"word": None, "options": [_of_flag(flag) for flag in own]}]}


def _of_flag(flag: Any) -> Answer:
    return {
        "name": flag.name,
        "flag": f"--{flag.name}",
        "kind": "switch" if flag.boolean else _KINDS.get(type(flag.default), "text"),
        "default": _plain(flag.default),
        "choices": list(getattr(flag.parser, "enum_values", ())),
        "required": flag.using_default_value and flag.default is None and bool(flag.validators),
        "many": isinstance(flag.default, list),
    }


def of_hydra(folder: Path | None, name: str | None, function: Any) -> Answer:
    """The values of a config, composed by Hydra; by its file or its dataclass alone where that fails."""
    for read in (_composed, _from_yaml):
        try:
            config = read(folder, name)
        except Exception:  # noqa: BLE001, S112  a config of whatever kind; the next way may do
            continue
        return _of_config(config)
    return _of_config(_from_dataclass(function))


def _of_config(config: Any) -> Answer:
    options = [
        {"name": name, "flag": None, "kind": _KINDS.get(type(value), "text"), "default": _plain(value)}
        for name, value in _flat(config)
    ]
    return {"style": "hydra", "levels": [{"word": None, "options": options}]}


def _flat(config: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in (config if isinstance(config, Mapping) else {}).items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        elif key != "defaults":
            yield f"{above}{key}", value


def _composed(folder: Path | None, name: str | None) -> Any:
    from hydra import compose, initialize, initialize_config_dir  # type: ignore[import-not-found, unused-ignore]  # the user's package, not ours
    from omegaconf import OmegaConf  # type: ignore[import-not-found, unused-ignore]  # the user's package, not ours

    start = (
        initialize(config_path=None, version_base=None)
        if folder is None
        else initialize_config_dir(str(folder), version_base=None)
    )
    with start:
        return OmegaConf.to_container(compose(name), resolve=False)


def _from_yaml(folder: Path | None, name: str | None) -> Any:
    import yaml

    path = Path(folder or ".", f"{str(name).removesuffix('.yaml')}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _from_dataclass(function: Any) -> Any:
    """The defaults of the dataclass that the decorated function takes."""
    for kind in typing.get_type_hints(function).values():
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            return dataclasses.asdict(kind())
    return {}
