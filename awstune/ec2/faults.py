"""The one place where botocore's errors become awstune's.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html;
https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import botocore.exceptions as boto
from botocore.parsers import ResponseParserError

from awstune import errors
from awstune.ec2 import iam

if TYPE_CHECKING:
    from collections.abc import Iterator

QUOTAS_PAGE = "https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas"


class Refused(errors.CloudError):
    """AWS answered with an error.

    Attributes:
        code: AWS's own word for it, such as ``InvalidKeyPair.Duplicate``.
        operation: the call that met it, such as ``ImportKeyPair``.
        encoded: AWS's encoded account of why a caller may not; empty where there is none.
    """

    encoded = ""

    def __init__(self, message: str, hint: str = "", *, code: str = "", operation: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
        self.operation = operation


class NoCapacity(Refused):
    """AWS has none of that type there at the moment; another zone or type may have one."""

    kind = "no_capacity"


class QuotaExceeded(Refused):
    """The account's quota does not allow it; another zone would not help."""

    kind = "quota"


class NotPermitted(Refused):
    """The caller may not do that."""

    kind = "not_permitted"


class Throttled(Refused):
    """AWS asks to be called again later."""

    kind = "throttled"


class Unreachable(errors.CloudError):
    """No answer came back, so nobody can say whether AWS acted."""

    kind = "unreachable"


def definite(error: errors.CloudError) -> bool:
    """Whether AWS has said no, and so has not acted.

    What asks for patience, or is AWS's own fault, may come after it has; of an answer that never came, or
    that cannot be read, nobody knows.
    """
    return isinstance(error, Refused) and not isinstance(error, Throttled)


_NETWORK_HINT = "name a subnet with --subnet (and, if it is not the default network's, --security-group)"
_LOGIN_HINT = "sign in again (`aws sso login`, or new keys with `aws configure`), then repeat the command"
_QUOTA_HINT = f"ask for more with `awstune doctor --request-quota`, or at {QUOTAS_PAGE}"

_ENCODED = "Encoded authorization failure message:"

NO_CAPACITY = frozenset(
    {
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientCapacity",
        "Unsupported",
        "InsufficientFreeAddressesInSubnet",
        "SpotMaxPriceTooLow",
        "UnfulfillableCapacity",
    }
)
_QUOTA = frozenset(
    {
        "VcpuLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "InstanceLimitExceeded",
        "SecurityGroupLimitExceeded",
        "RulesPerSecurityGroupLimitExceeded",
        "VolumeLimitExceeded",
    }
)
_THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "Unavailable",
        "ServiceUnavailable",
        "InternalError",
        "InternalFailure",
        "TooManyRequestsException",
        "SlowDown",
    }
)
# Whatever AWS calls it, it has failed itself, and may have acted.
_SERVERS_FAULT = 500
_NOT_PERMITTED = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "MissingAuthenticationToken",
        "IncompleteSignature",
        "ExpiredToken",
        "ExpiredTokenException",
    }
)
_MISSING = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)")
_SKEWED = ("Signature expired", "Signature not yet current")  # as STS says that a clock is wrong
_HINTS = {
    "VPCIdNotSpecified": _NETWORK_HINT,
    "MissingInput": _NETWORK_HINT,
    "DefaultVpcDoesNotExist": _NETWORK_HINT,
    "InvalidBlockDeviceMapping": "give a larger disk with --disk; it cannot be smaller than the image's own",
    "RequestExpired": "set this machine's clock, whose time signs every request, then repeat the command",
    "OptInRequired": "finish signing up at https://console.aws.amazon.com, or use another --region",
    "PendingVerification": "AWS is still checking the account; it writes an e-mail, usually within hours",
    "Blocked": "AWS has blocked the account; ask at https://console.aws.amazon.com/support/",
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": (
        "the first spot instance needs a role: "
        "`aws iam create-service-linked-role --aws-service-name spot.amazonaws.com`"
    ),
}


@contextmanager
def translated(operation: str = "") -> Iterator[None]:
    """What botocore raises inside leaves as a class of `awstune.errors`.

    Args:
        operation: the call's name, for messages.

    Raises:
        CredentialsError: none, expired, or not accepted.
        Refused: AWS's own error, as one of its subclasses where one fits.
        Unreachable: no answer came back.
    """
    try:
        yield
    except boto.ClientError as error:
        raise refusal(error, operation) from error
    except boto.BotoCoreError as error:
        raise _failure(error, operation) from error
    except ResponseParserError as error:  # of some proxy's, say
        raise _unheard(operation, f"one came that cannot be read: {error}") from error
    except EOFError as error:  # a role's second factor, asked for where nobody sits
        raise errors.CredentialsError(
            "the profile's role asks for a code, and nobody is there to type it",
            "`aws sts get-caller-identity` with the same profile asks once; its session is then used here",
        ) from error
    except RuntimeError as error:
        if "refreshed credentials are still expired" not in str(error):
            raise
        raise errors.CredentialsError(
            "the AWS session has ended, and what was to renew it gave another that has ended too", _LOGIN_HINT
        ) from error


def refusal(error: boto.ClientError, operation: str = "") -> errors.CloudError:
    """AWS's error as ours, with AWS's own code and words kept in the message."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    words = str(error.response.get("Error", {}).get("Message", "")).rstrip(".") or "no reason given"
    operation = operation or str(error.operation_name)
    message = f"AWS refused {operation}: {code}: {words}"
    if code in _CREDENTIALS and any(words.startswith(start) for start in _SKEWED):
        return Refused(f"AWS refused {operation}: {words}", _HINTS["RequestExpired"], code=code)
    if code in _CREDENTIALS:
        return errors.CredentialsError(f"AWS does not accept these credentials: {code}: {words}", _LOGIN_HINT)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    kind, hint = _class_and_hint(code, operation, words, status)
    if "IAM Instance Profile" in words:
        hint = "--results-bucket needs the profile that infra/results-bucket.yaml makes; see infra/README.md"
    message, _, encoded = message.partition(_ENCODED)
    refused = kind(message.rstrip(". "), hint, code=code, operation=operation)
    refused.encoded = encoded.strip()
    return refused


def _class_and_hint(code: str, operation: str, words: str, status: int) -> tuple[type[Refused], str]:
    if code in NO_CAPACITY:
        return NoCapacity, "repeat later, or with another --type, --region or without --spot"
    if code in _QUOTA:
        return QuotaExceeded, _QUOTA_HINT
    if code in _THROTTLED or status >= _SERVERS_FAULT:
        return Throttled, "AWS asks to be called again later: repeat the command in a minute"
    if code in _NOT_PERMITTED:
        # Of a call that needs two permissions only AWS knows which one is missing.
        said = _MISSING.search(words)
        action = said[1] if said else iam.action_of(operation)
        return NotPermitted, f"allow {action} for this caller; `awstune iam` prints the policy"
    return Refused, _HINTS.get(code, "`awstune doctor` looks for the cause")


def _failure(error: boto.BotoCoreError, operation: str) -> errors.AwstuneError:
    if isinstance(error, boto.ProfileNotFound):
        return errors.UsageError(
            f"{error}".rstrip("."), "see `aws configure list-profiles`, or leave --profile out"
        )
    if isinstance(error, boto.NoCredentialsError | boto.PartialCredentialsError):
        return errors.CredentialsError(
            "there are no AWS credentials here",
            "run `aws configure` (or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), "
            "or try everything without an account: `awstune --cloud local demo`; with "
            "`export AWSTUNE_CLOUD=local` every command means the embedded cloud",
        )
    if isinstance(error, _LOGIN_ERRORS):
        return errors.CredentialsError(f"the AWS session cannot be used: {error}".rstrip("."), _LOGIN_HINT)
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return _unheard(operation, str(error))
    what = f"{operation or 'a call to AWS'} failed: {error}".rstrip(".")
    return errors.CloudError(what, "`awstune doctor` looks for the cause")


def _unheard(operation: str, why: str) -> Unreachable:
    return Unreachable(
        f"no answer from AWS to {operation or 'a call'}: {why}".rstrip("."),
        "look at the network (`awstune doctor`), then repeat: the same command takes up where it was",
    )


_LOGIN_ERRORS = (
    boto.CredentialRetrievalError,
    boto.SSOError,
    boto.SSOTokenLoadError,
    boto.UnauthorizedSSOTokenError,
    boto.TokenRetrievalError,
    boto.InvalidConfigError,
    boto.ConfigParseError,
)
