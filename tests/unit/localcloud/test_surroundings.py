"""What a process finds around it on an instance."""

import os
import subprocess
from pathlib import Path

import pytest

from awstune import names
from awstune.localcloud import surroundings
from awstune.localcloud.machine import Spec


@pytest.fixture
def spec(tmp_path):
    """An instance that is only a folder."""
    one = Spec("i-1", str(tmp_path / "i-1"), "127.0.0.2", "ip-10-0-0-1", None, None)
    Path(one.folder).mkdir()
    surroundings.furnish(one)
    return one


@pytest.fixture
def run(spec):
    """Runs a shell command on the instance."""

    def shell(command, *words):
        environ = surroundings.environment(spec, os.environ)
        done = subprocess.run(
            [*words, "sh", "-c", command], env=environ, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    return shell


def test_nothing_secret_crosses(spec):
    """Credentials, tokens and awstune's own settings of the laptop stay there."""
    laptop = {
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWSTUNE_CLOUD": "local",
        "WANDB_API_KEY": "x",
        "SSH_AUTH_SOCK": "/x",
        "PYTHONPATH": "/x",
        "https_proxy": "http://proxy",
        "LC_ALL": "C",
        "PATH": "/usr/bin",
    }
    there = surroundings.environment(spec, laptop)
    assert {name for name in laptop if there.get(name) == laptop[name]} == {"https_proxy", "LC_ALL"}
    assert there[names.INSTANCE_MARK] == "i-1"
    assert there["USER"] == names.SSH_USER


def test_its_own_commands_come_first(spec, run):
    """What could harm the laptop, and what tells of it, is the instance's own."""
    for name in ("shutdown", "poweroff", "reboot", "systemctl", "apt-get", "sudo", "python3", "hostname"):
        assert run(f"command -v {name}") == str(surroundings.shims(spec) / name)


def test_hostname(run):
    """`hostname` says the private name."""
    assert run("hostname") == "ip-10-0-0-1"


@pytest.mark.parametrize(
    "command",
    ["sudo id -un", "sudo -n -H -u root id -un", "sudo -E -- id -un", "sudo A=1 id -un"],
)
def test_sudo_just_runs(run, command):
    """Sudo's options are read past: the login owns its instance."""
    assert run(command) == run("id -un")


def test_sudo_passes_variables_and_words(run):
    """Assignments reach the command, and words keep their spaces."""
    assert run("""sudo A=1 sh -c 'echo "$A $1"' _ 'two words'""") == "1 two words"


def test_sudo_finds_the_instances_command_by_its_name(spec, run):
    """An absolute path through sudo cannot reach the laptop's own shutdown."""
    shim = surroundings.shims(spec) / "shutdown"
    shim.write_text("#!/bin/sh\necho the instance: $@\n")
    assert run("sudo /sbin/shutdown -h now") == "the instance: -h now"


@pytest.mark.parametrize("pip", ["pip", "pip3", "python3 -m pip", "python -m pip"])
def test_pip_leaves_the_laptops_python_alone(spec, run, pip):
    """Pip installs into the instance's home, from where its Python imports."""
    where = run(f"{pip} config debug | grep PIP_TARGET=").partition("=")[2].strip("'")
    assert run("python3 -c 'import sys; print(sys.path[1])'") == where


def test_packages_are_the_laptops(run):
    """What would install packages says that it does not, and is no error."""
    assert run("apt-get install -y x 2>&1; echo $?").endswith("nothing was done\n0")


def test_a_second_boot_keeps_the_home(spec):
    """What the login changed in its profile stays."""
    profile = spec.home / ".bashrc"
    profile.write_text("mine")
    surroundings.furnish(spec)
    assert profile.read_text() == "mine"
