"""What lies in a place: to see that a refused command has left nothing, and taken nothing away."""

from __future__ import annotations

from pathlib import Path


def seen(folder: Path) -> dict[str, bytes | None]:
    """All files and folders below, but for what Python caches."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if "__pycache__" not in path.parts
    }
