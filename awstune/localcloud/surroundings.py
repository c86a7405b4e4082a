"""What a process finds around it on an instance: its environment, its home, the commands before PATH."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from awstune import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awstune.localcloud.machine import Spec

SOCKET = "control.sock"
# Of the laptop's variables an instance has only those by which programs reach the network and speak a
# language; above all none of its credentials.
_KEPT = ("LANG", "LANGUAGE", "TZ", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "LD_LIBRARY_PATH", "NO_PROXY")
_CLOUDS = (names.S3_ENDPOINT_VARIABLE,)  # set by the cloud itself: the laptop's own do not reach it
_KEPT_PREFIXES = ("LC_", "PIP_", "UV_", "COVERAGE_")
# Where pip installs on an instance: its Python is the laptop's, and must not be changed from here.
_PACKAGES = ".local/python"
_PYTHON = """\
#!/bin/sh
[ "$1 $2" != "-m pip" ] || export PIP_TARGET={packages}
exec {python} "$@"
"""
_PIP = """\
#!/bin/sh
export PIP_TARGET={packages}
exec {python} -m pip "$@"
"""
_IDLE = """\
#!/bin/sh
echo "{name}: an embedded instance has what its laptop has; nothing was done" >&2
"""
_ASKED = ("shutdown", "poweroff", "halt", "reboot", "systemctl", "cloud-init")
_IGNORED = ("apt-get", "apt", "dpkg", "snap", "update-initramfs")
_SUDO = """\
#!/bin/sh
# The login owns all of its instance, so there is nobody else to be.
while [ $# -gt 0 ]; do
  case "$1" in
    -u | -g | -h | -p) shift 2 ;;
    --) shift; break ;;
    -i | -s) shift; [ $# -gt 0 ] || exec "${SHELL:-/bin/sh}" ;;
    -*) shift ;;
    *=*) export "$1"; shift ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || exit 0
# By its bare name, so that an absolute /sbin/shutdown ends the instance and not the laptop.
name=$(basename "$1")
if [ -x %(shims)s/"$name" ]; then shift; exec %(shims)s/"$name" "$@"; fi
exec "$@"
"""
_PROFILE = """\
# Login shells start from the system's own PATH: what stands for this instance comes first again.
PATH=%(path)s
export PATH
PS1='%(user)s@%(hostname)s:\\w$ '
"""


def shims(spec: Spec) -> Path:
    """The folder that comes first in PATH."""
    return Path(spec.folder) / "bin"


def environment(spec: Spec, outer: Mapping[str, str]) -> dict[str, str]:
    """The environment of every process on the instance.

    Args:
        spec: the instance.
        outer: the environment of the laptop.
    """
    kept = {k: v for k, v in outer.items() if k in (*_KEPT, *_CLOUDS) or k.startswith(_KEPT_PREFIXES)}
    kept |= {k: v for k, v in outer.items() if k.lower().endswith("_proxy")}
    return {
        "LANG": "C.UTF-8",
        **kept,
        "HOME": str(spec.home),
        "USER": names.SSH_USER,
        "LOGNAME": names.SSH_USER,
        "SHELL": shell(),
        "PATH": _path(spec, outer),
        names.ROOT_VARIABLE: str(spec.root),
        names.INSTANCE_MARK: spec.id,
        "PYTHONPATH": str(spec.home / _PACKAGES),
    }


def shell() -> str:
    """The login's shell."""
    return shutil.which("bash") or "/bin/sh"


def furnish(spec: Spec) -> None:
    """Make the instance's folders, shims and profile. A second boot finds its disk as it left it."""
    for folder in (spec.home, spec.root / "run" / "systemd" / "system", spec.root / "etc", shims(spec)):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    spec.home.chmod(0o700)
    for name, text in _commands(spec).items():
        path = shims(spec) / name
        path.write_text(text)
        path.chmod(0o755)
    words = {
        "path": shlex.quote(_path(spec, os.environ)),
        "user": names.SSH_USER,
        "hostname": spec.hostname,
    }
    for name in (".profile", ".bashrc"):
        path = spec.home / name
        if not path.exists():
            path.write_text(_PROFILE % words)


def _path(spec: Spec, outer: Mapping[str, str]) -> str:
    python = str(Path(sys.executable).parent)
    return os.pathsep.join([str(shims(spec)), python, outer.get("PATH", os.defpath)])


def _commands(spec: Spec) -> dict[str, str]:
    asker = Path(__file__).with_name("shim.py")
    ask = shlex.join([sys.executable, "-I", "-S", str(asker), spec.folder])
    commands = {name: f'#!/bin/sh\nexec {ask} {name} "$@"\n' for name in _ASKED}
    commands |= {name: _IDLE.format(name=name) for name in _IGNORED}
    # Scripts rather than links: a virtual environment's Python finds it by the name it is called by.
    words = {"python": shlex.quote(sys.executable), "packages": shlex.quote(str(spec.home / _PACKAGES))}
    commands |= dict.fromkeys(("python", "python3"), _PYTHON.format(**words))
    commands |= dict.fromkeys(("pip", "pip3"), _PIP.format(**words))
    commands["hostname"] = f"#!/bin/sh\necho {shlex.quote(spec.hostname)}\n"
    commands["sudo"] = _SUDO % {"shims": shlex.quote(str(shims(spec)))}
    return commands
