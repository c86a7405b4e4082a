"""``python -m awstune.sweeps.stock ROOT``: the data that an instance has, each content once.

Runs there. What is asked comes as one line of JSON on stdin, the answer is one on stdout::

    {"missing": MANIFEST}          the contents of it that are not here yet
    {"take": FOLDER}               checks the files in FOLDER, each named by its content, and keeps them
    {"build": MANIFEST, "as": KEY} makes ROOT/trees/KEY of contents that are here

A content that did not arrive whole is never kept, so that a broken transfer is taken up where it broke.
Trees share their contents by hard links: data of which one file has changed takes room for that file.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awstune.sweeps.data import content_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENTS, TREES = "contents", "trees"


def main() -> None:
    """Answer what is asked."""
    root, asked = Path(sys.argv[1]), json.loads(sys.stdin.read())
    print(json.dumps(answer(root, asked)))  # noqa: T201  # this module's output


def answer(root: Path, asked: Mapping[str, Any]) -> Any:
    """The answer to one question."""
    if "missing" in asked:
        return missing(root, asked["missing"])
    if "take" in asked:
        return take(root, root / asked["take"])
    return build(root, asked["build"], asked["as"])


def missing(root: Path, manifest: Mapping[str, str]) -> list[str]:
    """The contents of a manifest that are not here."""
    wanted = dict.fromkeys(manifest.values())
    return [content for content in wanted if not (root / CONTENTS / content).exists()]


def take(root: Path, folder: Path) -> int:
    """Keep what arrived whole; how much that was."""
    (root / CONTENTS).mkdir(parents=True, exist_ok=True)
    whole = [file for file in folder.iterdir() if content_of(file) == file.name]
    for file in whole:
        file.chmod(0o444)  # trees share it: nobody may write into it
        file.replace(root / CONTENTS / file.name)
    shutil.rmtree(folder)
    return len(whole)


def build(root: Path, manifest: Mapping[str, str], key: str) -> str:
    """A tree of contents that are here; made aside, so that one that is there is whole."""
    tree = root / TREES / key
    if not tree.exists():
        aside = tree.with_name(f"{key}.{os.getpid()}")
        for name, content in manifest.items():
            place = aside / name
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(root / CONTENTS / content, place)
        try:
            aside.replace(tree)
        except OSError:  # another sweep was as quick
            shutil.rmtree(aside)
    return str(tree)


if __name__ == "__main__":
    main()
