"""The README's picture: a terminal in which ``awstune demo`` has run, drawn from what it printed.

``demo.txt`` is real output, only its places made those of anybody; ``demo.svg`` is drawn from it.
"""

from __future__ import annotations

import html
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
PRINTED = FOLDER / "demo.txt"
DRAWN = FOLDER / "demo.svg"
COLUMNS = 108
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
# What differs between two runs: numbers and ids, what is noticed while waiting, and which trials do well.
_VARYING = (
    (re.compile(r"^(waiting: .*|.*\d+ s of about .*)\n", re.MULTILINE), ""),
    (re.compile(r"\b(i|ami|sg|vpc)-[0-9a-f]{8,17}\b"), r"\1-ID"),
    (re.compile(r"(?<![\w])[-+]?\d[\d.]*(e[-+]?\d+)?"), "#"),
    (re.compile(r"\b(adam|sgd)\b"), "OPTIMIZER"),
    (re.compile(r" \* "), " "),
    (re.compile(r" *· with .*"), ""),
)

# rich's own template fetches its font from elsewhere; a picture needs nothing but itself.
TEMPLATE = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run(awstune: Path) -> str:
    """What the demo prints, in colour, with nobody's places in it."""
    with tempfile.TemporaryDirectory() as folder:
        env = {
            **os.environ,
            "FORCE_COLOR": "1",
            "COLUMNS": str(COLUMNS),
            "AWSTUNE_HOME": f"{folder}/home",
            "PATH": f"{awstune.parent}:{os.environ['PATH']}",  # as after `. .venv/bin/activate`
        }
        done = subprocess.run(
            [str(awstune), "demo"],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        return tidy(done.stdout, Path(folder))


def tidy(printed: str, folder: Path) -> str:
    """Output whose folders are those that a reader would have."""
    printed = printed.replace(f"{folder}/home", "~/.awstune").replace(str(folder), "~/project")
    return re.sub(r"\S*\bawstune-demo-[a-z0-9_]{8}(?![-\w])", "demo", printed)


def shape(printed: str) -> list[str]:
    """The words of a demo without what differs between two runs: where a line folds is up to its paths."""
    text = _STYLE.sub("", printed)
    for pattern, instead in _VARYING:
        text = pattern.sub(instead, text)
    return text.split()


def draw(printed: str) -> str:
    """A terminal with this in it, as SVG."""
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(f"$ awstune demo\n{printed}"), soft_wrap=False)
    svg = console.export_svg(title="awstune demo", code_format=TEMPLATE, unique_id="demo")
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE).rstrip() + "\n"


def words_of(svg: str) -> str:
    """The text in a drawn terminal, without its spaces."""
    matrix = svg[svg.index('<g class="demo-matrix">') :]
    return _bare("".join(re.findall(r"<text[^>]*>([^<]*)</text>", matrix)))


def _bare(text: str) -> str:
    return re.sub(r"\s", "", html.unescape(text).replace("\xa0", " "))


def words_printed(printed: str) -> str:
    """The same of what was printed."""
    return _bare(f"$ awstune demo\n{_STYLE.sub('', printed)}")


if __name__ == "__main__":
    PRINTED.write_text(run(Path(sys.executable).with_name("awstune")))
    DRAWN.write_text(draw(PRINTED.read_text()))
