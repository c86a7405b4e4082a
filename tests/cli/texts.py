"""Expected output as whole text, in files made to be read: one section a command line.

``AWSTUNE_WRITE_TEXTS=1 python -m pytest tests/cli`` writes them anew; what changed is then read in the diff.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

HOME = Path(__file__).parent / "texts"
WRITING = "AWSTUNE_WRITE_TEXTS" in os.environ
RULE = "─" * 80 + "\n"


def heading(words: str, files: Mapping[str, object]) -> str:
    """What somebody types, below the files that matter to it."""
    shown = [f"{name}: {_content(content)}" for name, content in files.items()]
    return "".join(f"{line}\n" for line in (*shown, f"$ awstune {_escaped(words)}"))


def _content(content: object) -> str:
    text = content if isinstance(content, str) else str(content).removeprefix("b")
    return _escaped(text.rstrip("\n")).replace("\\n", "\n    ") if text.strip() else "(empty)"


def _escaped(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Texts:
    """One file of expected texts.

    Args:
        name: the file's, below ``texts/``.
        headings: all that belong into it, in their order; what else it holds is dropped when it is written.
    """

    def __init__(self, name: str, headings: list[str]) -> None:
        assert len(set(headings)) == len(headings), "two rows look the same to a reader"
        self.path, self.headings = HOME / f"{name}.txt", headings
        text = self.path.read_text() if self.path.exists() else ""
        sections = [part.partition("\n\n") for part in text.split(RULE) if part.strip()]
        self.known = {f"{head}\n": body for head, _, body in sections}

    def compare(self, head: str, text: str) -> None:
        """Fails where the text is not the expected one; writes it where that was asked for."""
        if WRITING:
            self.known[head] = text
            self._write()
        assert text == self.known.get(head), f"see {self.path}; AWSTUNE_WRITE_TEXTS=1 writes it anew"

    def _write(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        found = [f"{head}\n{self.known[head]}" for head in self.headings if head in self.known]
        self.path.write_text(RULE.join(found))


def settled(text: str, places: Mapping[Path, str]) -> str:
    """A text without what is different on every machine.

    Args:
        text: as printed.
        places: folders, and what stands for each.
    """
    for path in sorted(places, key=lambda path: -len(str(path))):
        text = text.replace(str(path), places[path])
    text = text.replace(sys.executable, "PYTHON")
    text = re.sub(r"(?<![\w/])python3?(?= -m pip| \w+\.py shows)", "PYTHON", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
