"""What AWS refuses for its form alone, and moto accepts: texts too long or with letters not allowed.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html (descriptions),
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html (tags),
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html (16 KB before encoding).
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ALLOWED = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
_RANGES = ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds")
_USER_DATA_BYTES = 16 * 1024
_TOKEN = 64
_KEY, _VALUE, _TAGS = 128, 256, 50


class Malformed(ValueError):
    """A parameter that AWS refuses; ``code`` is its error's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def launch(params: Mapping[str, Any]) -> None:
    """Check RunInstances' user-data, token and tags.

    Raises:
        Malformed: AWS would refuse them.
    """
    size = len(base64.b64decode(params.get("UserData") or ""))
    if size > _USER_DATA_BYTES:
        raise Malformed("InvalidParameterValue", f"User data is limited to {_USER_DATA_BYTES} bytes")
    token = params.get("ClientToken") or ""
    if len(token) > _TOKEN or not token.isascii():
        raise Malformed("InvalidParameterValue", f"The client token may have {_TOKEN} ASCII characters")
    tags(params)


def group(params: Mapping[str, Any]) -> None:
    """Check a new security group's name, description and tags.

    Raises:
        Malformed: AWS would refuse them.
    """
    name = str(params.get("GroupName", ""))
    _described(name, "security group name")
    if name.startswith("sg-"):
        raise Malformed("InvalidParameterValue", "Group names may not be in the format sg-*.")
    _described(str(params.get("Description", "")), "security group description")
    tags(params)


def rules(params: Mapping[str, Any]) -> None:
    """Check the descriptions of a security group's rules.

    Raises:
        Malformed: AWS would refuse one.
    """
    for permission in params.get("IpPermissions") or []:
        for one in (one for kind in _RANGES for one in permission.get(kind) or []):
            _described(str(one.get("Description", "")), "rule description")


def tags(params: Mapping[str, Any]) -> None:
    """Check tags, given to a call of their own or with what is created.

    Raises:
        Malformed: AWS would refuse one.
    """
    for some in _tag_sets(params):
        if len(some) > _TAGS:
            raise Malformed("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
        for tag in some:
            _tag(str(tag.get("Key", "")), str(tag.get("Value", "")))


def _tag_sets(params: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
    yield params.get("Tags") or []
    for specification in params.get("TagSpecifications") or []:
        yield specification.get("Tags") or []


def _tag(key: str, value: str) -> None:
    if not key or len(key) > _KEY:
        raise Malformed("InvalidParameterValue", f"Tag key exceeds the maximum length of {_KEY} characters")
    if len(value) > _VALUE:
        raise Malformed(
            "InvalidParameterValue", f"Tag value exceeds the maximum length of {_VALUE} characters"
        )
    if key.lower().startswith("aws:"):
        message = f"Tag keys starting with 'aws:' are reserved for internal use: {key}"
        raise Malformed("InvalidParameterValue", message)


def _described(text: str, what: str) -> None:
    if not _DESCRIPTION.fullmatch(text):
        message = (
            f"Invalid {what}. Valid descriptions are strings less than 256 characters from the following "
            f"set: {_ALLOWED}"
        )
        raise Malformed("InvalidParameterValue", message)
