"""Programs of an image's Python, made an environment's own."""

from __future__ import annotations

import subprocess
import sys

from awstune.remote import rehome

SAYS = "import sys\nprint(sys.prefix == sys.base_prefix, *sys.argv[1:])\n"
LONG = "#!/bin/sh\n'''exec' \"{python}\" \"$0\" \"$@\"\n' '''\n"


def program(path, text):
    """An executable file."""
    path.write_text(text)
    path.chmod(0o755)


def test_a_program_runs_under_the_environment(tmp_path):
    """Of an image's folder what its Python runs is made the environment's, and nothing else."""
    image = tmp_path / "image" / "bin"
    image.mkdir(parents=True)
    program(image / "torchrun", f"#!{image}/python3.12\n{SAYS}")
    program(image / "accelerate", LONG.format(python=image / "python3") + SAYS)
    program(image / "tool", "#!/bin/sh\nexit 1\n")
    program(image / "other", f"#!/elsewhere/python\n{SAYS}")
    (image / "python3").symlink_to(sys.executable)
    place = tmp_path / ("long" * 40) / "bin"  # longer than what a kernel takes after #!
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place.parent], check=True)
    rehome.main(place / "python", image)
    made = [path.name for path in place.iterdir() if path.stat().st_mode & 0o111]
    assert sorted(name for name in made if not name.startswith("python")) == ["accelerate", "torchrun"]
    for name in ("torchrun", "accelerate"):
        done = subprocess.run([place / name, "a b"], capture_output=True, text=True, check=True)
        assert done.stdout == "False a b\n"
