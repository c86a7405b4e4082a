"""What an instance that was launched with a profile finds in its metadata: credentials, as a role's.

They are the embedded cloud's own keys: it has one pair, and whoever runs on an instance is its owner.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from awstune.localcloud.machine import Machine, Spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from awstune.localcloud.gate import Keys

INFO = "iam/info"
CREDENTIALS = "iam/security-credentials"
_UNTIL = "9999-12-31T23:59:59Z"


def info(name: str) -> dict[str, str]:
    """What the metadata of an instance with that profile says of it."""
    return {INFO: json.dumps({"Code": "Success", "InstanceProfileName": name})}


def with_credentials(spec: Spec, keys: Keys) -> Spec:
    """The same instance, with the credentials of its profile; one without a profile stays as it is."""
    if INFO not in spec.metadata:
        return spec
    role = json.loads(spec.metadata[INFO])["InstanceProfileName"]
    said = {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "Token": "of-the-embedded-cloud",
        "Expiration": _UNTIL,
    }
    return replace(spec, metadata={**spec.metadata, f"{CREDENTIALS}/{role}": json.dumps(said)})


def making(keys: Keys) -> Callable[[Spec, Callable[[Any, dict[str, Any]], None]], Machine]:
    """Starts instances' processes, each with the credentials that it has a right to."""
    return lambda spec, tell: Machine(with_credentials(spec, keys), tell)
