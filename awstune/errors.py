"""Everything that awstune can refuse or fail with.

    AwstuneError                 1   it failed, for a reason that the message names
    ├── UsageError               2   refused before anything billable happened
    │   ├── SpaceError               a search space that says nothing, or nonsense
    │   ├── TargetError              a training script that cannot be used as it is
    │   ├── UnknownName              no instance or sweep of that name
    │   ├── NameTaken                the name is there with other wishes, or another owner's
    │   ├── NameBusy                 another awstune is at work on that name
    │   ├── NotOffered               the region does not offer that instance type
    │   ├── NoAnswer                 a question that nobody is there to answer
    │   └── CloudNotRunning          the embedded cloud has not been started
    ├── CloudError               1   what AWS refused or could not do
    │   ├── CredentialsError         none, expired, or not accepted
    │   ├── InstanceDied             an instance ended while it was waited for
    │   └── NotReady                 an instance that does not pass its checks in time
    │       └── NoGuard                  an instance that nothing would end
    ├── KeyFileError             1   a private key that is missing, or readable by others
    ├── RemoteError              1   what failed at the other end of an SSH connection
    │   ├── ConnectionLost           nobody answers, or the connection broke
    │   └── HostKeyError             the instance is not the one that was pinned
    ├── OutputError              1   what was asked for is done, but nobody can be told
    ├── SweepError               1   a sweep that stopped for a reason of its own
    │   ├── JournalError             a journal that cannot be read or written
    │   └── SweepBusy                another process is writing to that sweep
    ├── NothingSucceeded         3   the sweep ended without one successful trial
    ├── LeftBehind               4   something billable is still there
    └── Interrupted            130   stopped by the user; what goes on is in the message

Each class knows its exit status and, for ``--json``, its ``kind``. ``hint`` is the command, or the
one sentence, that mends it.
"""

from __future__ import annotations

import errno

# What a disk answers that takes no more: full, a used-up quota, a file that may not grow, read-only.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


class AwstuneError(Exception):
    """A failure that the user can act on.

    Args:
        message: what happened, in one sentence without a full stop.
        hint: the command or sentence that mends it; empty where there is none.
        paste: a command of several lines that the hint speaks of, as a shell takes it.
    """

    exit_status = 1
    kind = "error"

    def __init__(self, message: str, hint: str = "", *, paste: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.paste = paste
        if hint:
            self.add_note(f"hint: {self.mended}")  # a traceback in a script or a notebook shows it

    @property
    def mended(self) -> str:
        """The hint, and below it the command that it speaks of."""
        return "\n\n".join(filter(None, (self.hint, self.paste)))


class UsageError(AwstuneError):
    """Refused before anything billable happened."""

    exit_status = 2
    kind = "usage"


class SpaceError(UsageError):
    """A search space that is empty, contradicts itself, or cannot be read."""

    kind = "space"


class TargetError(UsageError):
    """A training script or function that cannot be used as it is."""

    kind = "target"


class UnknownName(UsageError):
    """No instance or sweep of that name."""

    kind = "unknown_name"


class NameTaken(UsageError):
    """The name is there already, with other wishes or another owner."""

    kind = "name_taken"


class NameBusy(UsageError):
    """Another awstune is at work on that name at this moment."""

    kind = "name_busy"


class NotOffered(UsageError):
    """The region does not offer that instance type.

    Attributes:
        nearest: the type that comes nearest to it there; empty where none does.
    """

    kind = "not_offered"

    def __init__(self, message: str, hint: str = "", *, nearest: str = "") -> None:
        super().__init__(message, hint)
        self.nearest = nearest


class NoAnswer(UsageError):
    """A question that nobody is there to answer."""

    kind = "no_answer"


class CloudNotRunning(UsageError):
    """The embedded cloud has not been started, or is gone."""

    kind = "cloud_not_running"


class CloudError(AwstuneError):
    """AWS refused, or could not do, what was asked."""

    kind = "cloud"


class CredentialsError(CloudError):
    """No credentials, expired ones, or ones that AWS does not accept."""

    kind = "credentials"


class InstanceDied(CloudError):
    """An instance ended while it was waited for."""

    kind = "instance_died"


class NotReady(CloudError):
    """An instance that does not pass its checks, or does not let SSH in, in time."""

    kind = "not_ready"


class NoGuard(NotReady):
    """Instances on which nothing is armed that would end them.

    Attributes:
        names: theirs.
    """

    kind = "no_guard"

    def __init__(self, message: str, hint: str = "", *, names: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint)
        self.names = names


class KeyFileError(AwstuneError):
    """A private key file that is missing, or that others can read."""

    kind = "key_file"


class RemoteError(AwstuneError):
    """Something failed at the other end of an SSH connection."""

    kind = "remote"


class ConnectionLost(RemoteError):
    """Nobody answers, or the connection broke; trying again may help."""

    kind = "connection"


class HostKeyError(RemoteError):
    """The host key is unknown or is not the pinned one."""

    kind = "host_key"


class OutputError(AwstuneError):
    """What was asked for is done, but what it printed cannot be written."""

    kind = "output"


class SweepError(AwstuneError):
    """A sweep stopped for a reason of its own."""

    kind = "sweep"


class JournalError(SweepError):
    """A journal that cannot be read or written."""

    kind = "journal"


class SweepBusy(SweepError):
    """Another process is writing to that sweep."""

    kind = "sweep_busy"


class NothingSucceeded(AwstuneError):
    """The sweep ended without one successful trial."""

    exit_status = 3
    kind = "nothing_succeeded"


class LeftBehind(AwstuneError):
    """Something billable is still there."""

    exit_status = 4
    kind = "left_behind"


class Interrupted(AwstuneError):
    """Stopped by the user; the message says what goes on and how to end it."""

    exit_status = 130
    kind = "interrupted"
