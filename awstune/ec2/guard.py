"""User-data: what an instance carries from its first second, first of all the guard that ends it.

The document is plain ``#cloud-config`` with ``bootcmd`` (run at every boot), ``ssh_keys``,
``write_files`` and ``runcmd`` (run once). ``bootcmd`` writes the end to the disk once per stamp, so
that a reboot keeps an end that was moved since, and a start with new user-data brings a new one.

The guard and whoever works on the instance meet in files below ``/`` (on the embedded cloud below
``$AWSTUNE_ROOT``); this is the only place that says what they mean:

=========================  ===============================================================================
``etc/awstune/ends``       the end: seconds since the epoch, or ``none``. `flow.extending` moves it
``etc/awstune/limits``     idle time, dollar cap and prices: see `Limits`
``run/awstune/armed``      the guard, at each look but one that ends it: the end. `flow.launch` waits for it
``run/awstune/active``     touched by whoever uses the instance: it is not idle for two minutes
``run/awstune/notice``     the guard: why the end is near, in words. It is there two minutes before the time
                           to live is over, and from the moment of any other end; gone again when the end
                           has been moved. Sweeps read it, stop after their checkpoint, and say so
``run/awstune/hold``       touched by whoever fetches results: while it is younger than two minutes, an end
                           that is due waits, for ten minutes in all. The mirror touches it at each look.
                           A dollar cap is due so early that it pays for them: see `Limits.due_usd`
``run/awstune/due``        the guard: since when the end is due
``run/awstune/ended``      the guard: why it shut the instance down
``var/lib/awstune/ran``    the guard: seconds that it has run, over all starts. Copied to a tag at each
                           contact (`extend.write_ran`)
=========================  ===============================================================================

AWS's own notice for spot instances comes through the metadata service, which sweeps ask themselves
(`sweeps.notice`): its two minutes are AWS's, and no hold moves them.

Sources: https://docs.cloud-init.io/en/latest/reference/modules.html (bootcmd, ssh, write_files, runcmd);
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html (16 KB before encoding).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import resources
from textwrap import indent
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from awstune import errors, names
from awstune.money import dollars

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

GUARD_PATH = "/usr/local/lib/awstune/guard"
LIMITS_FILE = f"{names.GUARD_DIR}/limits"
STAMP_FILE = f"{names.GUARD_DIR}/stamp"
# Seconds that the instance has run, over all its starts.
RAN_FILE = "/var/lib/awstune/ran"
MAX_BYTES = 12 * 1024
# How long an end that is due may be held off: the script's own word for it is `hold_s`.
HOLD_S = 600.0
# Below it lies what holds for one boot only; AWS's is a memory disk, an embedded instance's a folder.
_RUN_DIR = names.ARMED_FILE.rpartition("/")[0]

_SERVICE = f"""\
[Unit]
Description=awstune: end this instance when its time is up
[Service]
Type=oneshot
ExecStart={GUARD_PATH} check
LogLevelMax=notice
"""

_TIMER = """\
[Unit]
Description=awstune: look at the clock
[Timer]
OnBootSec=1s
OnUnitActiveSec=5s
AccuracySec=1s
[Install]
WantedBy=timers.target
"""

_APT_UNITS = "apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service"


@dataclass(frozen=True)
class HostKey:
    """An ed25519 host key, generated here so that the first connection can be verified.

    Attributes:
        private: the private half in OpenSSH's PEM format, with a final newline.
        public: ``ssh-ed25519 AAAA...``, without a comment.
    """

    private: str
    public: str

    @classmethod
    def generate(cls) -> HostKey:
        """A new key from the system's randomness."""
        private, public = openssh_pair(Ed25519PrivateKey.generate())
        return cls(private=private.decode(), public=public)


def openssh_pair(key: Ed25519PrivateKey | RSAPrivateKey) -> tuple[bytes, str]:
    """Both halves of ``key`` as OpenSSH writes them: (private PEM, ``ssh-ed25519 AAAA...``)."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private, public.decode()


@dataclass(frozen=True)
class Limits:
    """What else ends an instance.

    Attributes:
        idle_s: seconds of idling; None for no such end.
        max_usd: dollars, over all its starts and with its disk; None for no such end, and infinity takes
            away one that the disk has.
        usd_per_hour: what an hour of running is reckoned at; for spot the on-demand price, which it
            never exceeds.
        disk_usd_per_hour: what an hour of its disk costs, running or not.
    """

    idle_s: float | None = None
    max_usd: float | None = None
    usd_per_hour: float = 0.0
    disk_usd_per_hour: float = 0.0

    @property
    def due_usd(self) -> float:
        """Dollars at which the cap ends it, infinity for never.

        The rest of the cap is what a hold may cost; of a small one it is half at most.
        """
        if self.max_usd is None:
            return math.inf
        hold = HOLD_S / 3600 * (self.usd_per_hour + self.disk_usd_per_hour)
        return self.max_usd - min(hold, self.max_usd / 2)

    @property
    def cap_in_words(self) -> str:
        """When the cap ends it, in a sentence; empty for never. Without prices nobody knows how early."""
        if self.max_usd is None or self.due_usd == math.inf:
            return ""
        rest = self.max_usd - self.due_usd
        early = f" (the last {dollars(rest)} pay for sending results home)" if rest else ""
        return f"before it has cost {dollars(self.max_usd)}{early}"

    def words(self) -> list[str]:
        """The lines of the guard's file of limits; money is whole microdollars there."""
        words = [f"idle_s={round(self.idle_s)}"] if self.idle_s is not None else []
        if self.max_usd == math.inf:
            words.append("cap=")
        elif self.max_usd is not None:
            money = {"cap": self.max_usd, "hourly": self.usd_per_hour, "disk_hourly": self.disk_usd_per_hour}
            words += [f"{key}={round(usd * 1_000_000)}" for key, usd in money.items()]
        return words


def user_data(
    host_key: HostKey | None,
    *,
    ends: float | None,
    stamp: str,
    limits: Limits | None = None,
    bucket: str = "",
    keep_host_keys: bool = False,
) -> str:
    """The cloud-config of an instance that ends at ``ends``.

    Args:
        host_key: what sshd there shows to the first connection; None where it has its key already.
        ends: seconds since the epoch, or None for an instance that nothing ends.
        stamp: another word for each new end that is set through user-data (the client token).
        limits: what else ends it; for an instance that has its host key already they stand above what its
            disk says, and None changes nothing there.
        bucket: where results are copied to; empty for nowhere.
        keep_host_keys: for an image that may find no metadata service at a later boot, and would take
            itself for a new instance and make new host keys.

    Returns:
        Text that starts with ``#cloud-config``, at most `MAX_BYTES` long.
    """
    text = "\n".join(
        [
            "#cloud-config",
            f"bootcmd:\n{_bootcmd(ends, stamp, limits, bucket, fresh=host_key is not None)}",
            *([f"ssh_keys:\n{_ssh_keys(host_key)}"] if host_key else []),
            f"write_files:\n{_write_files(keep_host_keys=keep_host_keys)}",
            f"runcmd:\n- [sh, -c, 'sh \"${{AWSTUNE_ROOT:-}}{GUARD_PATH}\" arm']",
            "",
        ]
    )
    if len(text.encode()) > MAX_BYTES:
        raise errors.UsageError(f"the instance's user-data is {len(text.encode())} bytes, over {MAX_BYTES}")
    return text


def ends_word(ends: float | None) -> str:
    """An end as the guard reads it and as the tag says it: whole seconds since the epoch, or ``none``."""
    return "none" if ends is None else str(int(ends))


def move_end_command(ends: float | None) -> str:
    """The shell command that sets the end on the instance's disk, whole or not at all."""
    word, file = ends_word(ends), f'"${{{names.ROOT_VARIABLE}:-}}{names.ENDS_FILE}"'
    return f"echo {word} | sudo tee {file}.new > /dev/null && sudo mv {file}.new {file}"


def more_limits_command(limits: Limits) -> str:
    """The shell command that puts limits on the instance's disk above those that it has."""
    file = f'"${{{names.ROOT_VARIABLE}:-}}{LIMITS_FILE}"'
    return f'printf "%s\\n" {" ".join(limits.words())} | sudo tee -a {file} > /dev/null'


def _bootcmd(ends: float | None, stamp: str, limits: Limits | None, bucket: str, *, fresh: bool) -> str:
    files = [f'echo {ends_word(ends)} > "$d/ends"']
    if limits is not None:
        # Of two lines that say the same limit the guard takes the last.
        into = ">" if fresh else ">>"
        files.append(f'printf "%s\\n" {" ".join(limits.words())} {into} "$d/limits"')
    files.append(f'echo {stamp} > "$d/stamp"')
    write_ends = (
        f'r="${{AWSTUNE_ROOT:-}}"; d="$r{names.GUARD_DIR}"; mkdir -p "$d"; rm -rf "$r{_RUN_DIR}"; '
        f'[ "$(cat "$d/stamp" 2>/dev/null)" = {stamp} ] || {{ {"; ".join(files)}; }}'
    )
    if bucket:
        write_ends += f'; mkdir -p "$r{_RUN_DIR}"; echo {bucket} > "$r{names.BUCKET_FILE}"'
    # apt's own timers hold dpkg's lock in an image's first minutes.
    quiet_apt = f"systemctl stop --no-block {_APT_UNITS} || true"
    return f"- [sh, -c, '{write_ends}']\n- [sh, -c, '{quiet_apt}']"


def _ssh_keys(host_key: HostKey) -> str:
    private = indent(host_key.private, "    ")
    return f"  ed25519_private: |\n{private}  ed25519_public: {host_key.public}"


def _write_files(*, keep_host_keys: bool) -> str:
    guard = resources.files("awstune.ec2").joinpath("guard.sh").read_text()
    files = [
        (GUARD_PATH, "0755", guard),
        ("/etc/systemd/system/awstune-guard.service", "0644", _SERVICE),
        ("/etc/systemd/system/awstune-guard.timer", "0644", _TIMER),
    ]
    if keep_host_keys:
        files.append(("/etc/cloud/cloud.cfg.d/99-awstune.cfg", "0644", "ssh_deletekeys: false\n"))
    return "\n".join(
        f"- path: {path}\n  permissions: '{mode}'\n  content: |\n{indent(text, '    ')}".rstrip()
        for path, mode, text in files
    )
