"""What a shell completes an argument to: by what this machine knows, without asking anybody."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
from click.shell_completion import CompletionItem

# A private key's file: awstune-NAME-REGION.pem.
_KEY = re.compile(r"awstune-(.+)-[a-z]{2}(?:-[a-z]+)+-\d+\.pem")


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever files the shell itself would offer."""
    return [CompletionItem(incomplete, type="file")]


def instance_names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The NAMEs whose private keys lie here: an instance's goes when it is terminated."""
    home = Path(os.environ.get("AWSTUNE_HOME") or Path.home() / ".awstune")
    found = (_KEY.fullmatch(path.name) for path in home.glob("keys/*/*.pem"))
    return sorted({key[1] for key in found if key and key[1].startswith(incomplete)})


def types(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """The GPU types of the package's price table."""
    from awstune.ec2 import prices

    known = prices.shipped().types.values()
    return sorted(one.type for one in known if one.gpus and one.type.startswith(incomplete))
