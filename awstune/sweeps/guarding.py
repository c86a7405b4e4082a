"""Whether a call that trials must not reach stands under ``if __name__ == "__main__":``."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def unguarded(frame: FrameType | None, file: str | None) -> int | None:
    """The line of a script at which all began, where importing the script would begin it again.

    Args:
        frame: of the call.
        file: the script that trials import, absolute; None where they import none.

    Returns:
        None where the line is guarded, or where importing the file does not lead to the call.
    """
    outermost = None
    while frame is not None:
        if frame.f_code.co_name == "<module>" and _same(frame.f_code.co_filename, file):
            outermost = frame.f_lineno
        frame = frame.f_back
    if outermost is None or file is None:
        return None
    return None if _names_itself(Path(file), outermost) else outermost


def _same(name: str, file: str | None) -> bool:
    return file is not None and Path(name).resolve() == Path(file)


def _names_itself(file: Path, line: int) -> bool:
    """Whether the statement of that line, with all around it, looks at ``__name__``."""
    tree = ast.parse(file.read_bytes())
    found = [node for node in tree.body if node.lineno <= line <= (node.end_lineno or node.lineno)]
    words = (word for node in found for word in ast.walk(node))
    return any(isinstance(word, ast.Name) and word.id == "__name__" for word in words)
