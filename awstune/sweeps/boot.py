"""Start a module of this package under any Python, without installing anything there.

The package is found by its place on disk, so that both ends are of one version and nothing else of
awstune's environment gets in the way of the user's.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent

_BOOT = """
import importlib.util, runpy, sys
package, module = sys.argv[1:3]
sys.argv[:] = ["-c", *sys.argv[3:]]
if sys.path[0] == "":
    del sys.path[0]
spec = importlib.util.spec_from_file_location(
    "awstune", package + "/__init__.py", submodule_search_locations=[package]
)
sys.modules["awstune"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["awstune"])
runpy.run_module("awstune.sweeps." + module, run_name="__main__", alter_sys=False)
"""


def command(python: str, module: str, *arguments: str) -> list[str]:
    """The words that run ``awstune.sweeps.MODULE``.

    Args:
        python: the interpreter.
        module: the module's last name.
        arguments: what the module finds in ``sys.argv[1:]``.
    """
    return [python, "-c", _BOOT, str(PACKAGE), module, *arguments]
