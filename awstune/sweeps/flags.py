"""``python -m awstune.sweeps.flags``: run a script up to where it parses its options, and say which.

Its arguments are the script as JSON (``file`` or ``module``, ``argv``, ``first`` for ``sys.path``), a
file descriptor for the answer (one JSON object), a time limit in seconds, and the process with which it
dies. What parses is replaced, so that the script gets no further; whatever else would train, write into
the script's folder or reach the network before that ends the process. Runs under the trials' Python:
standard library only.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import runpy
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from awstune.sweeps import child, optioning, probe

Answer = dict[str, Any]
Tell = Callable[[Answer], NoReturn]


def main() -> None:
    """Answer and leave."""
    script, descriptor, limit_s = json.loads(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    child.die_with(int(sys.argv[4]))
    tell = functools.partial(_leave, descriptor)
    watch = threading.Timer(limit_s, tell, ({"problem": "hangs"},))
    watch.daemon = True
    watch.start()
    os.write(descriptor, b"\n")
    try:
        _read(script, tell)
    except probe.TrainsAtImport:
        tell({"problem": "acts", "error": "trains"})
    except ModuleNotFoundError as error:
        tell({"problem": "missing", "missing": error.name, "error": str(error)})
    except BaseException as error:  # noqa: BLE001  SystemExit is one of the things that scripts do
        tell({"problem": "raised", "error": f"{type(error).__name__}: {error}"})
    tell({"problem": "none"})


def _leave(descriptor: int, answer: Answer) -> NoReturn:
    os.write(descriptor, json.dumps(answer, default=str).encode())
    os._exit(0)


def _read(script: Mapping[str, Any], tell: Tell) -> None:
    sys.dont_write_bytecode = True
    words = script["argv"]
    _replace_argparse(words, tell)
    for name, replace in (("click.core", _replace_click), ("typer.core", _replace_typer)):
        with suppress(ImportError):
            replace(importlib.import_module(name), words, tell)
    with suppress(ImportError):
        _replace_absl(importlib.import_module("absl.app"), tell)
    with suppress(ImportError):
        _replace_hydra(importlib.import_module("hydra"), script, tell)
    probe.watch_optimizers(script)
    _forbid(script["first"], tell)
    _run(script)


def _run(script: Mapping[str, Any]) -> None:
    if script.get("module"):
        sys.path.insert(0, str(Path.cwd()))
        sys.argv[:] = [script["module"], *script["argv"]]
        runpy.run_module(script["module"], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, script["first"])
        sys.argv[:] = [script["file"], *script["argv"]]
        runpy.run_path(script["file"], run_name="__main__")


def _replace_argparse(words: list[str], tell: Tell) -> None:
    parse_known = argparse.ArgumentParser.parse_known_args
    parse = argparse.ArgumentParser._parse_known_args  # noqa: SLF001  where those end who do it their own way

    def parsed(parser: argparse.ArgumentParser, *given: Any, **named: Any) -> NoReturn:
        if type(parser).parse_known_args is not known:
            # It may make its options only now, as simple-parsing makes them of dataclasses.
            parser.parse_known_args(*given, **named)
        tell(optioning.of_argparse(parser, words))

    def inner(parser: argparse.ArgumentParser, *given: Any, **named: Any) -> Any:
        if len(parser._actions) > _FIRST_OF_TWO:  # noqa: SLF001  argparse has no public list
            tell(optioning.of_argparse(parser, words))
        return parse(parser, *given, **named)

    def known(parser: argparse.ArgumentParser, *given: Any, **named: Any) -> Any:
        # A small parser that leaves words over comes before the real one (timm reads --config so).
        if len(parser._actions) > _FIRST_OF_TWO:  # noqa: SLF001  argparse has no public list
            tell(optioning.of_argparse(parser, words))
        return parse_known(parser, *given, **named)

    argparse.ArgumentParser.parse_args = parsed  # type: ignore[method-assign, assignment]  # in a child of its own, which ends here
    argparse.ArgumentParser.parse_intermixed_args = parsed  # type: ignore[method-assign, assignment]  # in a child of its own, which ends here
    argparse.ArgumentParser._parse_known_args = inner  # type: ignore[method-assign, assignment]  # noqa: SLF001  # in a child of its own, which ends here
    argparse.ArgumentParser.parse_known_args = known  # type: ignore[method-assign, assignment]  # in a child of its own, which ends here


_FIRST_OF_TWO = 2  # --help and one more


def _replace_click(core: Any, words: list[str], tell: Tell) -> None:
    def main(command: Any, *_: Any, **__: Any) -> NoReturn:
        tell(optioning.of_click(command, words))

    core.Command.main = main


def _replace_typer(core: Any, words: list[str], tell: Tell) -> None:
    def main(command: Any, *_: Any, **__: Any) -> NoReturn:
        tell(optioning.of_click(command, words))

    core.TyperCommand.main = core.TyperGroup.main = main


def _replace_absl(app: Any, tell: Tell) -> None:
    def run(*_: Any, **__: Any) -> NoReturn:
        flags = importlib.import_module("absl.flags").FLAGS
        tell(optioning.of_absl(flags, sys.argv[0]))

    app.run = run


def _replace_hydra(hydra: Any, script: Mapping[str, Any], tell: Tell) -> None:
    def decorator(
        config_path: str | None = None, config_name: str | None = None, *_: Any, **__: Any
    ) -> Callable[[Any], Callable[..., NoReturn]]:
        def decorate(function: Any) -> Callable[..., NoReturn]:
            def main(*_: Any, **__: Any) -> NoReturn:
                folder = None if config_path is None else Path(script["first"], config_path).resolve()
                tell(optioning.of_hydra(folder, config_name, function))

            return main

        return decorate

    hydra.main = decorator


def _forbid(folder: str, tell: Tell) -> None:
    """End where the script does something before it parses: it would do it once more in every trial."""
    own = str(Path(folder).resolve())

    def audit(event: str, given: tuple[Any, ...]) -> None:
        if event in _REACHES_OUT and not (event == "socket.connect" and _is_local(given)):
            tell({"problem": "acts", "error": _REACHES_OUT[event]})
        if event in _WRITES and _writes(event, given) and _below(given[0], own):
            tell({"problem": "acts", "error": f"changes {os.path.relpath(os.fsdecode(given[0]), own)}"})

    sys.addaudithook(audit)


_REACHES_OUT = {"socket.connect": "reaches for the network", "os.system": "runs another program"}
_WRITES = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "os.truncate"}


def _is_local(given: tuple[Any, ...]) -> bool:
    # A path of a socket on this machine, as a logging daemon's.
    return isinstance(given[-1], (str, bytes))


def _writes(event: str, given: tuple[Any, ...]) -> bool:
    if event != "open":
        return True
    return bool(given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND))


def _below(path: Any, folder: str) -> bool:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return False
    return os.path.abspath(os.fsdecode(path)).startswith(folder + os.sep)  # noqa: PTH100  no look at the disk


if __name__ == "__main__":
    main()
