"""Machine images: by id, by exact name (old ones too), or the newest that a pattern finds.

Images are deprecated two years after creation and then show only when asked for by id or with
``IncludeDeprecated``; launching them by id still works. Names are looked for among Amazon's and one's
own images only: anybody may publish an image under any name.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deprecate.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from awstune import errors, names
from awstune.ec2.faults import Refused

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import ImageTypeDef

    from awstune.ec2.session import Cloud

TRUSTED_OWNERS = ("amazon", "self")
NEWEST = "Deep Learning OSS Nvidia Driver AMI GPU PyTorch * (Ubuntu *) *"
_COURSE_FAMILIES = ("p2", "p3", "p3dn")


@dataclass(frozen=True)
class Image:
    """A machine image.

    Attributes:
        id: ``ami-...``.
        name: AWS's name of it.
        created: ISO 8601 UTC.
        root_device: the device that the root volume is mapped to.
        min_disk_gib: the size of its root snapshot; a disk cannot be smaller.
    """

    id: str
    name: str
    created: str
    root_device: str
    min_disk_gib: int


def default_query(type_: str) -> str:
    """What to look for where no image is named: the course's image for its old GPUs, else the newest."""
    return names.COURSE_AMI if type_.split(".", maxsplit=1)[0] in _COURSE_FAMILIES else NEWEST


def find_image(cloud: Cloud, query: str | None, type_: str) -> Image:
    """The image that ``query`` means in this region.

    Args:
        cloud: where to look.
        query: an id, an exact name, a pattern with ``*`` or ``?``, or an SSM parameter (``ssm:/aws/...``);
            None for `default_query`.
        type_: the instance type that it is for.

    Raises:
        UsageError: there is no such image here.
    """
    query = query or default_query(type_)
    name = _from_parameter(cloud, query) if query.startswith(("ssm:", "/aws/")) else query
    found = _by_id(cloud, name) if name.startswith("ami-") else _by_name(cloud, name)
    if not found:
        raise errors.UsageError(
            f"there is no image {query!r} in {cloud.region}",
            "name another with --ami (an id, an exact name, or a pattern such as "
            "'Deep Learning * PyTorch *'), or use another --region",
        )
    return _image(max(found, key=lambda image: image.get("CreationDate", "")))


def _from_parameter(cloud: Cloud, query: str) -> str:
    """The image id in a public parameter, such as AWS keeps for the newest image of each family."""
    try:
        answer = cloud.client("ssm").get_parameter(Name=query.removeprefix("ssm:"))
    except Refused as error:
        if error.code == "ParameterNotFound":
            return query
        raise
    return str(answer["Parameter"]["Value"])


def _by_id(cloud: Cloud, image_id: str) -> list[ImageTypeDef]:
    try:
        return cloud.ec2.describe_images(ImageIds=[image_id])["Images"]
    except Refused as error:
        if error.code.startswith("InvalidAMIID"):
            return []
        raise


def _by_name(cloud: Cloud, name: str) -> list[ImageTypeDef]:
    exact = not any(sign in name for sign in "*?")
    found = cloud.ec2.describe_images(
        Owners=TRUSTED_OWNERS,
        IncludeDeprecated=exact,
        Filters=[{"Name": "name", "Values": [name]}, {"Name": "state", "Values": ["available"]}],
    )["Images"]
    return [image for image in found if image.get("Name") == name] if exact else found


def _image(facts: ImageTypeDef) -> Image:
    root = facts.get("RootDeviceName", "/dev/sda1")
    sizes = [
        mapping["Ebs"].get("VolumeSize", 0)
        for mapping in facts.get("BlockDeviceMappings", [])
        if mapping.get("DeviceName") == root and "Ebs" in mapping
    ]
    return Image(
        id=facts["ImageId"],
        name=facts.get("Name", ""),
        created=facts.get("CreationDate", ""),
        root_device=root,
        min_disk_gib=max(sizes, default=0),
    )
