"""``awstune demo``: everything that awstune is for, on this machine, in about a minute."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from awstune.cli.options import command
from awstune.cli.screen import Screen
from awstune.config import Config
from awstune.errors import NothingSucceeded


@command("demo", example="awstune demo")
def demo_command(config: Config) -> int:
    """The whole story on the embedded cloud, in about a minute.

    Real parts on loopback: EC2 over HTTP, SSH, a key pair, status checks, a torch sweep on the instance,
    its folder fetched, the instance terminated. It needs no account and costs nothing.
    """
    from awstune.cli.progress import Progress
    from awstune.flow import demo
    from awstune.report import tables
    from awstune.report.words import duration

    began = time.monotonic()
    with Screen(config) as screen:
        screen.if_interrupted("no demo goes on, and nothing costs", "awstune demo begins")
        story = demo.tell(config, warn=screen.warn, in_words=_InWords())
        document = screen.follow(story, Progress(screen, stream=config.json))
        screen.if_interrupted("the demo is over, and nothing of it is left but its sweep", "awstune sweeps")
        if config.json:
            screen.document(document)
            return 0 if document["best"] else NothingSucceeded.exit_status
        screen.say("")
        screen.sentence(tables.best(document))
        took, name = duration(time.monotonic() - began), document["sweep"]
        screen.say(f"all of it took {took}; the trials are in sweeps/{name}")
        awstune = _as_typed(Path(sys.executable).with_name("awstune"), Path.cwd())
        screen.say(f"next: {awstune} results {name} · {awstune} --cloud local launch lab")
    return 0 if document["best"] else NothingSucceeded.exit_status


def _as_typed(program: Path, cwd: Path) -> str:
    """What to type for this program: its name where a shell finds it by that, else where it is."""
    found = shutil.which("awstune")
    if not program.exists() or (found and Path(found).samefile(program)):
        return "awstune"
    return shlex.quote(str(program.relative_to(cwd) if program.is_relative_to(cwd) else program))


class _InWords:
    def plan(self, plan: Any) -> str:
        from awstune.cli.launching import plan_in_words

        return plan_in_words(plan)

    def spec(self, spec: Any) -> str:
        from awstune.cli import planning

        return planning.plan(spec)
