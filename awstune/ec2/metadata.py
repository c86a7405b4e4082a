"""The metadata service of images whose cloud-init is older than IMDSv2.

cloud-init asks with a token since 19.4 (December 2019); an older one cannot read its user-data, nor the
login's key, where tokens are required. Such an image boots without, and tokens are required as soon as
its guard is armed; a start lets it boot so once more. Which images these are is a row of ``fits.toml``.

Source: https://github.com/canonical/cloud-init/pull/55
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from awstune import names

if TYPE_CHECKING:
    from awstune.ec2.instances import Instance
    from awstune.ec2.session import Cloud

V1_BOOT = "v1-boot"


def boots_without_tokens(instance: Instance) -> bool:
    """Whether its cloud-init needs the service without tokens."""
    return instance.tags.get(names.TAG_IMDS) == V1_BOOT


def due(instance: Instance) -> bool:
    """Whether its metadata service still answers without tokens."""
    return instance.http_tokens != "required"


def require_tokens(cloud: Cloud, instance: Instance) -> None:
    """Has the metadata service answer nobody without a token.

    Raises:
        CloudError: AWS refused.
    """
    cloud.ec2.modify_instance_metadata_options(
        InstanceId=instance.id, HttpTokens="required", HttpPutResponseHopLimit=1, HttpEndpoint="enabled"
    )


def open_for_boot(cloud: Cloud, instance: Instance) -> None:
    """Lets an instance that is about to start read its user-data, where its cloud-init is that old.

    Raises:
        CloudError: AWS refused.
    """
    if boots_without_tokens(instance):
        cloud.ec2.modify_instance_metadata_options(
            InstanceId=instance.id, HttpTokens="optional", HttpPutResponseHopLimit=1, HttpEndpoint="enabled"
        )
