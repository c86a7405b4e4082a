"""What a launch must pass at AWS and would not meet at moto: disks large enough, and quotas."""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.instance_types import INSTANCE_TYPES

from awstune.localcloud import lives as states
from awstune.localcloud import quotas as limits
from awstune.localcloud.quotas import Quotas

# Of the images in images.json.
_IMAGE_GIB = {"ami-0c0ffee0021200001": 75, "ami-0c0ffee2824040001": 45}
_OTHER_IMAGE_GIB = 8
_COUNTED = (states.PENDING, states.RUNNING)  # what a quota counts


def image_gib(image: Any) -> int:
    """How large a disk an image needs, in GiB."""
    return _IMAGE_GIB.get(image.id, _OTHER_IMAGE_GIB)


def disks(call: Any) -> None:
    """Refuse a root disk that the image does not fit on; disks end with their instance unless said.

    Raises:
        EC2ClientError: InvalidBlockDeviceMapping.
    """
    image = call.ec2_backend.amis.get(call.params.get("ImageId"))
    for mapping in call.params.get("BlockDeviceMappings") or []:
        ebs = mapping.get("Ebs", {})
        ebs.setdefault("DeleteOnTermination", True)
        is_root = image is not None and mapping.get("DeviceName") == image.root_device_name
        if is_root and ebs.get("VolumeSize", image_gib(image)) < image_gib(image):
            message = (
                f"Volume of size {ebs['VolumeSize']}GB is smaller than snapshot "
                f"'{image.ebs_snapshot.id}', expect size >= {image_gib(image)}GB"
            )
            raise EC2ClientError("InvalidBlockDeviceMapping", message)


def quota(call: Any, quotas: Quotas) -> None:
    """Refuse a launch beyond the quota of its family and market.

    Raises:
        EC2ClientError: VcpuLimitExceeded or MaxSpotInstanceCountExceeded.
    """
    wanted = call.params.get("InstanceType", "")
    market = call.params.get("InstanceMarketOptions", {}).get("MarketType", limits.ON_DEMAND)
    found = quotas.limit(wanted, market)
    if found is None or wanted not in INSTANCE_TYPES:
        return
    counted, value = found
    running = [i for i in call.ec2_backend.all_instances() if i._state.name in _COUNTED]  # noqa: SLF001  # moto keeps an instance's state there
    used = [i.instance_type for i in running if _quota_of(i) == counted]
    asked = [wanted] * int(call.params.get("MinCount") or 1)
    if sum(_vcpus(one) for one in used + asked) > value:
        raise _over(counted, value)


def _over(counted: limits.Quota, value: float) -> EC2ClientError:
    if counted.market == limits.SPOT:
        return EC2ClientError("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
    message = (
        f"You have requested more vCPU capacity than your current vCPU limit of {value:g} allows for the "
        "instance bucket that the specified instance type belongs to. Please visit "
        "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
    )
    return EC2ClientError("VcpuLimitExceeded", message)


def _quota_of(instance: Any) -> limits.Quota | None:
    return limits.of_type(instance.instance_type, instance.lifecycle or limits.ON_DEMAND)


def _vcpus(instance_type: str) -> int:
    return int(INSTANCE_TYPES[instance_type]["VCpuInfo"]["DefaultVCpus"])
