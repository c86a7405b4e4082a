"""The README's reference: every command's own ``--help``, between two marks."""

from __future__ import annotations

import re
from pathlib import Path

import click

from awstune.cli.main import COMMANDS, SECTIONS, awstune

README = Path(__file__).parents[2] / "README.md"
ENTRY = """<details><summary><code>awstune {name}</code>: {line}</summary>

```text
{help}
```

</details>
"""


def help_of(name: str) -> str:
    """What ``awstune NAME --help`` prints, no wider than 80 columns."""
    command = awstune.get_command(click.Context(awstune), name)
    assert command is not None
    parent = click.Context(awstune, info_name="awstune", **awstune.context_settings)
    return command.get_help(click.Context(command, info_name=name, parent=parent)).rstrip()


def reference() -> str:
    """The commands by section, each folded up until it is opened."""
    parts = []
    for section, names in SECTIONS.items():
        parts.append(f"### {section}\n")
        parts += [ENTRY.format(name=name, line=COMMANDS[name][1], help=help_of(name)) for name in names]
    return "\n".join(parts)


def with_part(text: str, name: str, content: str) -> str:
    """A text whose part between ``<!-- NAME -->`` and ``<!-- /NAME -->`` is ``content``."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    made, count = pattern.subn(lambda match: f"{match[1]}\n{content}\n{match[2]}", text)
    assert count == 1, f"README.md has no part {name}"
    return made


if __name__ == "__main__":
    README.write_text(with_part(README.read_text(), "reference", reference()))
