"""The guard that AWS runs, obeyed here: each end by letting it happen."""

import time

import pytest

from awstune import names
from awstune.ec2 import guard
from tests.waiting import until

pytestmark = pytest.mark.e2e

NVIDIA_SMI = 'printf "#!/bin/sh\\necho {percent}\\n" > "$(dirname "$(command -v shutdown)")/nvidia-smi"'
ENDED = '"$AWSTUNE_ROOT/run/awstune/ended"'


def limited(**limits):
    """User-data with such limits, and no time to live."""
    return lambda key: guard.user_data(key, ends=None, stamp="limits", limits=guard.Limits(**limits))


def looks(host):
    """Look once, now, as the guard's timer does every ten seconds."""
    return host.ssh(f'sh "$AWSTUNE_ROOT{guard.GUARD_PATH}" check; test ! -e {ENDED}').returncode == 0


def may_idle(host, seconds):
    """Let it idle for so long from now on."""
    host.ssh(guard.more_limits_command(guard.Limits(idle_s=seconds)))


def gpu(host, percent):
    """Let the instance's GPU be that busy."""
    command = NVIDIA_SMI.format(percent=percent)
    host.ssh(f'{command}; chmod +x "$(dirname "$(command -v shutdown)")/nvidia-smi"')


def test_idle_both_ways(launcher):
    """A busy GPU keeps the instance; when it falls idle for long enough, it is stopped."""
    with launcher(user_data=limited(idle_s=3600)) as host:
        host.is_ready()
        gpu(host, 95)
        may_idle(host, 1)
        began = time.monotonic()
        until(lambda: looks(host) and time.monotonic() > began + 2, "longer than it may be idle")
        assert host.state == "running"
        gpu(host, 2)
        until(lambda: host.state != "running" or not looks(host), "the guard to find it idle")
        host.reaches("stopped")
        assert host.shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_typing_is_activity(launcher):
    """Words typed in a terminal keep the instance from being idle."""
    with launcher(user_data=limited(idle_s=3600)) as host:
        host.is_ready()
        channel = host.paramiko().invoke_shell()
        channel.sendall(b"echo hello\n")
        active = '"$AWSTUNE_ROOT/run/awstune/active"'
        until(lambda: host.ssh(f"test -e {active}").returncode == 0, "the typing to be noticed")
        may_idle(host, 1)
        began = time.monotonic()
        until(lambda: looks(host) and time.monotonic() > began + 2, "longer than it may be idle")
        assert host.state == "running"


def test_a_dollar_cap(launcher):
    """Money that is spent ends it."""
    limits = limited(max_usd=0.0, usd_per_hour=0.9)
    with launcher(user_data=limits, InstanceInitiatedShutdownBehavior="terminate") as host:
        host.reaches("terminated")
        assert host.shown["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_dollar_cap_has_the_way_home_in_it(launcher):
    """It is due while it still pays for whoever fetches, and he holds it off no further than the cap."""
    file = '"$AWSTUNE_ROOT/var/lib/awstune/ran"'
    hold, notice = (f'"$AWSTUNE_ROOT{path}"' for path in (names.HOLD_FILE, names.NOTICE_FILE))

    def spent(host, usd):
        # The guard's own loop may be counting at this moment: it is said until it is heard.
        host.ssh(f"touch {hold}; echo {round(usd * 4000)} > {file}")
        return looks(host)

    with launcher(user_data=limited(max_usd=1.0, usd_per_hour=0.9)) as host:
        host.is_ready()
        until(lambda: spent(host, 0.9) and host.ssh(f"cat {notice}").stdout == "dollar cap\n", "the notice")
        assert looks(host)
        assert host.state == "running"
        until(lambda: host.state != "running" or not spent(host, 1.0), "the guard to find it spent")
        host.reaches("stopped")


def test_whoever_fetches_holds_the_end_off(launcher):
    """An end that is due says so at once, waits while somebody fetches, and comes when nobody does."""
    hold, notice, ends = (
        f'"$AWSTUNE_ROOT{file}"' for file in (names.HOLD_FILE, names.NOTICE_FILE, names.ENDS_FILE)
    )
    with launcher() as host:
        host.is_ready()
        host.ssh(f"touch {hold}; echo 1 > {ends}")
        assert looks(host)
        assert host.ssh(f"cat {notice}").stdout == "time to live\n"
        assert looks(host)
        assert host.state == "running"
        host.ssh(f'touch -d "3 minutes ago" {hold}')
        host.reaches("stopped")


def test_a_new_end_after_a_stop(launcher, ec2):
    """New user-data at a start moves the end: the instance lives on."""
    with launcher(ends=1) as host:
        host.reaches("stopped")
        data = guard.user_data(None, ends=None, stamp="again").encode()
        ec2.modify_instance_attribute(InstanceId=host.id, UserData={"Value": data})
        ec2.start_instances(InstanceIds=[host.id])
        host.is_ready()
        assert looks(host)
        assert host.state == "running"
