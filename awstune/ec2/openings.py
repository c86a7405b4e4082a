"""Who gets in, as steps of a plan: the security group, its one open port, and what that is for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awstune import names
from awstune.ec2.steps import AllowSsh, CreateGroup, JoinGroup, RevokeSsh, RunInstance, Step

if TYPE_CHECKING:
    from awstune.ec2.actual import Actual
    from awstune.ec2.wanted import Wanted


def group_steps(wanted: Wanted, actual: Actual) -> tuple[Step, ...]:
    """The group, where there is none yet."""
    if wanted.security_group or actual.group:
        return ()
    group, vpc_id = wanted_group(wanted), actual.network.vpc_id
    allow = AllowSsh(group, actual.ssh_from, vpc_id, typed=wanted.ssh_from is not None)
    join = (JoinGroup(group, vpc_id),) if wanted.count > 1 else ()
    return (CreateGroup(group, vpc_id), allow, *join)


def ssh_steps(wanted: Wanted, actual: Actual) -> tuple[Step, ...]:
    """Moves the one open port along with the caller's address."""
    if wanted.security_group or actual.group is None:
        return ()
    admitted = actual.group.ssh_from
    group, vpc_id, mine = actual.group.name, actual.network.vpc_id, actual.ssh_from
    old = [RevokeSsh(group, other, vpc_id) for other in sorted(admitted - {mine})]
    typed = wanted.ssh_from is not None
    new = [] if mine in admitted else [AllowSsh(group, mine, vpc_id, typed=typed)]
    join = [JoinGroup(group, vpc_id)] if wanted.count > 1 and not actual.group.joined else []
    return (*new, *old, *join)


def wanted_group(wanted: Wanted) -> str:
    """The security group that instances get: the user's own id, or the name of the one made for NAME."""
    return wanted.security_group or names.SECURITY_GROUP_NAME.format(name=wanted.name)


def notes(actual: Actual, runs: tuple[RunInstance, ...]) -> tuple[str, ...]:
    """What belongs under the steps: what is open for a while, and what nobody can reach from outside."""
    lines = []
    if actual.left_out:
        lines.append(
            f"--ssh-from {actual.ssh_from} leaves out this machine, which comes from {actual.left_out}: it "
            "cannot get in, nor see that the guard is armed (--no-wait does without)"
        )
    if any(run.imds_v1_boot for run in runs):
        lines.append(
            "the image is old: its metadata service (IMDSv1) asks for no token until the first verified login"
        )
    if runs[0].subnet and not (actual.network.public or actual.network.ipv6 or runs[0].ssh_jump):
        lines.append(
            f"{runs[0].subnet} gives no public address: SSH goes to the private one, which a VPN or "
            "--ssh-jump HOST reaches"
        )
    return tuple(lines)
