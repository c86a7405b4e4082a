"""The script that makes an environment on an instance: which uv it runs, and what it asks of it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tarfile

import pytest

from awstune.remote.bootstrap import MAKER

UV = '#!/bin/sh\necho "$@" >> "$HOME/asked"\n'
CURL = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\ncp "{archive}" "$2"; echo "$3" >> "$HOME/fetched"\n'
TOOLS = ("sh", "uname", "mktemp", "sha256sum", "tar", "gzip", "mkdir", "mv", "rm", "cp", "cat", "true")


class Machine:
    """An instance without any uv, whose network has one made-up archive; ``known`` is a checksum of it."""

    def __init__(self, folder):
        self.home, self.bin = folder / "home", folder / "bin"
        self.home.mkdir()
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        name = f"uv-{os.uname().machine}-unknown-linux-gnu"
        (folder / name).mkdir()
        self.program(folder / name / "uv", UV)
        with tarfile.open(folder / "uv.tar.gz", "w:gz") as archive:
            archive.add(folder / name, name)
        self.program(self.bin / "curl", CURL.format(archive=folder / "uv.tar.gz"))
        self.known = hashlib.sha256((folder / "uv.tar.gz").read_bytes()).hexdigest()
        self.script = self.home / "environment.sh"
        self.script.write_bytes(MAKER.read_bytes())

    def program(self, path, text):
        """An executable there."""
        path.write_text(text)
        path.chmod(0o755)

    def trust(self):
        """The archive is what the script knows."""
        pinned = re.sub(r"sum=[0-9a-f]{64}", f"sum={self.known}", self.script.read_text())
        self.script.write_text(pinned)

    def run(self, *words, check=True):
        """One step."""
        environ = {"HOME": str(self.home), "PATH": str(self.bin), "TMPDIR": str(self.home)}
        command = [self.bin / "sh", self.script, "env", *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=check)

    def lines(self, name):
        """What was asked, or fetched."""
        return (self.home / name).read_text().splitlines()


@pytest.fixture
def machine(tmp_path):
    """A bare one."""
    return Machine(tmp_path)


def test_what_is_not_that_release_is_not_run(machine):
    """An archive with another checksum is refused in words, and nothing of it is kept."""
    refused = machine.run("make", "", check=False)
    assert refused.returncode != 0
    assert re.search(r"error: what came from \S+/0\.11\.7/uv-\S+ is not uv 0\.11\.7", refused.stdout)
    assert not (machine.home / ".awstune").exists()
    assert not (machine.home / "asked").exists()


def test_one_release_is_fetched_once(machine):
    """It makes the environment; the next step finds it there."""
    machine.trust()
    machine.run("make", "")
    machine.run("torch", "torch==2.3.1", "https://wheels/cu118")
    assert len(machine.lines("fetched")) == 1
    env = machine.home / "env"
    assert machine.lines("asked") == [
        f"venv --python 3.11 {env}",
        f"pip install --python {env}/bin/python torch==2.3.1 --index-url https://wheels/cu118",
    ]


def test_requirements_beside_a_torch_of_ours(machine):
    """What is built against that torch comes from its own index; the constraints hold it where it is."""
    machine.program(machine.bin / "uv", UV)
    machine.run("requirements", ".", "", "https://wheels/cu118")
    (asked,) = machine.lines("asked")
    assert "--extra-index-url https://wheels/cu118 --index-strategy unsafe-best-match" in asked
    assert asked.endswith(f"-c {machine.home}/env.constraints -r {machine.home}/env.requirements")
