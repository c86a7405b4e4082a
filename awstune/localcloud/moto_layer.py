"""Everything that rebinds moto's own functions, each beside the promise that it keeps.

moto is pinned exactly (5.2.5): its gaps are closed here and nowhere else. What can be done in front of
moto (fault rules, signatures) or behind it (states, processes) is not here. Call `install` once, in
the server's own process, before the first request.
"""

from __future__ import annotations

import base64
import secrets
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.ec2 import utils as ec2_utils
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError, InvalidInstanceTypeError
from moto.ec2.models import elastic_network_interfaces
from moto.ec2.models import instances as moto_instances
from moto.ec2.models.amis import Ami
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.elastic_block_store import VolumeAttachment
from moto.ec2.models.instance_types import (
    INSTANCE_TYPE_OFFERINGS,
    INSTANCE_TYPES,
    InstanceType,
    InstanceTypeBackend,
)
from moto.ec2.models.instances import Instance, InstanceBackend, InstanceState
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.models.subnets import Subnet
from moto.ec2.responses import instances as instance_responses
from moto.ec2.responses.amis import AmisResponse
from moto.ec2.responses.general import General as ConsoleResponse
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.responses.spot_instances import SpotInstances
from moto.ec2.responses.tags import TagResponse

from awstune.localcloud import forms, moto_checks, pricelist
from awstune.localcloud import lives as states
from awstune.localcloud.lives import Lives
from awstune.localcloud.moto_body import CODES, MotoBody, loopback_address
from awstune.localcloud.p2 import P2_XLARGE, P2_ZONES
from awstune.localcloud.quotas import Quotas

HOME_REGION = "us-east-1"
DEPRECATED_AFTER = timedelta(days=730)
_CHECKS = {"instance": "instance_status", "system": "system_status", "ebs": "attached_ebs_status"}
_TIME = "%Y-%m-%dT%H:%M:%S.000Z"


def install(lives: Lives, quotas: Quotas) -> None:
    """Put every rebinding in place; instances then live in ``lives``, as far as ``quotas`` allow."""
    _new_instances_are_pending()
    _launched_instances_live(lives)
    _ends_take_their_course(lives)
    _checks_are_real(lives)
    _launches_are_idempotent_and_within(quotas)
    _addresses_are_loopback()
    _p2_is_offered_at_home()
    _old_images_are_deprecated()
    _images_have_their_size()
    _groups_in_use_stay()
    _volumes_say_when_they_go()
    _tags_are_read_quickly()
    _filters_are_known()
    _forms_are_checked()
    _user_data_is_encoded_once()
    _shutdown_behavior_can_be_changed()
    _spot_prices_are_plausible()
    _consoles_are_their_own(lives)


def _rebind(owner: Any, name: str, value: Any) -> Any:
    """Put ``value`` in the place of ``owner.name``; what was there is returned."""
    original = getattr(owner, name, None)
    setattr(owner, name, value)
    return original


def _new_instances_are_pending() -> None:
    """Promise: nobody sees an instance ``running`` before its SSH server is up."""

    def __init__(self: Any, *words: Any, **options: Any) -> None:  # noqa: N807  # it takes the place of a method
        original(self, *words, **options)
        self._state = InstanceState(states.PENDING, CODES[states.PENDING])
        self.awstune_profile = options.get("iam_instance_profile_name")  # what its metadata will say
        brought = {nic.get("NetworkInterfaceId") for nic in options.get("nics") or []}
        for nic in self.nics.values():
            nic.delete_on_termination = nic.id not in brought

    original = _rebind(Instance, "__init__", __init__)


def _launched_instances_live(lives: Lives) -> None:
    """Promise: each launched instance has a process of its own that one can log in to."""

    def run_instances(self: Any, *words: Any, **options: Any) -> Any:
        reservation = original(self, *words, **options)
        for instance in reservation.instances:
            lives.launch(MotoBody(instance))
        return reservation

    original = _rebind(InstanceBackend, "run_instances", run_instances)


def _ends_take_their_course(lives: Lives) -> None:
    """Promise: stop, start, terminate and reboot pass through their states, and act on the processes."""

    def start(self: Any) -> Any:
        previous = self._state
        _require(self, states.STOPPED, states.RUNNING, states.PENDING, verb="started")
        if previous.name == states.STOPPED:
            lives.start(MotoBody(self))
        return previous

    def stop(self: Any) -> Any:
        previous = self._state
        _require(self, states.STOPPED, states.RUNNING, states.STOPPING, verb="stopped")
        lives.stop(MotoBody(self))
        return previous

    def terminate(self: Any) -> Any:
        previous = self._state
        lives.terminate(MotoBody(self))
        return previous

    def reboot(self: Any) -> None:
        _require(self, states.RUNNING, verb="rebooted")
        lives.reboot(MotoBody(self))

    for verb in (start, stop, terminate, reboot):
        _rebind(Instance, verb.__name__, verb)


def _require(instance: Any, *allowed: str, verb: str) -> None:
    if instance._state.name not in allowed:  # noqa: SLF001  # moto keeps an instance's state there
        message = f"The instance '{instance.id}' is not in a state from which it can be {verb}."
        raise EC2ClientError("IncorrectInstanceState", message)


def _checks_are_real(lives: Lives) -> None:
    """Promise: status checks are ``initializing`` until cloud-init is done, and can be ``impaired``."""

    def status(check: str, instance: Any) -> dict[str, Any]:
        said = lives.checks(MotoBody(instance), check)
        passed = {"ok": "passed", "impaired": "failed"}.get(said, said)
        details = [{"Name": "reachability", "Status": passed}]
        return {"Status": said} if said == "not-applicable" else {"Status": said, "Details": details}

    for check, name in _CHECKS.items():
        _rebind(Instance, name, property(partial(status, check)))


def _launches_are_idempotent_and_within(quotas: Quotas) -> None:
    """Promise: a repeated ClientToken launches nothing new, other wishes under it are refused, as many
    instances start as MaxCount asks for, and none beyond the quota or on too small a disk.
    """
    done: dict[tuple[str, str], tuple[str, Any]] = {}
    lock = threading.Lock()

    def run_instances(self: Any) -> Any:
        wishes = repr(sorted((k, v) for k, v in self.params.items() if k != "ClientToken"))
        token = (self.region, self.params.get("ClientToken") or secrets.token_hex())
        with lock:
            if token in done:
                return _again(done[token], wishes)
            self.params["MinCount"] = self.params.get("MaxCount") or self.params.get("MinCount")
            moto_checks.disks(self)
            moto_checks.quota(self, quotas)
            result = original(self)
            done[token] = (wishes, result.result)
            return result

    original = _rebind(InstanceResponse, "run_instances", run_instances)


def _again(before: tuple[str, Any], wishes: str) -> ActionResult:
    if before[0] != wishes:
        message = "Arguments on this idempotent request are inconsistent with those used before."
        raise EC2ClientError("IdempotentParameterMismatch", message)
    return ActionResult(before[1])


def _addresses_are_loopback() -> None:
    """Promise: the public address is one that an SSH server here can listen on, another for each; so is the
    private one, by which instances and jump hosts reach it (where this machine has more than one address).
    """

    def get_available_subnet_ip(self: Any, instance: Any) -> str:
        address = loopback_address()
        self._subnet_ips[address] = instance  # moto frees it from there
        return address

    _rebind(elastic_network_interfaces, "random_public_ip", loopback_address)
    if sys.platform == "linux":
        _rebind(moto_instances, "random_private_ip", loopback_address)
        _rebind(Subnet, "get_available_subnet_ip", get_available_subnet_ip)


def _p2_is_offered_at_home() -> None:
    """Promise: p2.xlarge is described and offered in us-east-1, and unknown elsewhere, as at AWS."""
    name = P2_XLARGE["InstanceType"]
    INSTANCE_TYPES[name] = P2_XLARGE
    InstanceTypeBackend.instance_types.append(InstanceType(name))
    for kind, locations in P2_ZONES.items():
        offers = [{"InstanceType": name, "Location": at, "LocationType": kind} for at in locations]
        INSTANCE_TYPE_OFFERINGS[kind][HOME_REGION].extend(offers)

    def describe_instance_types(self: Any, instance_types: Any = None, filters: Any = None) -> list[Any]:
        found = original(self, instance_types, filters)
        if self.region_name == HOME_REGION:
            return list(found)
        if name in (instance_types or []):
            raise InvalidInstanceTypeError({name}, error_type="InvalidInstanceType")
        return [one for one in found if one.get("InstanceType") != name]

    original = _rebind(InstanceTypeBackend, "describe_instance_types", describe_instance_types)


def _old_images_are_deprecated() -> None:
    """Promise: an image older than two years is shown only by its id or with IncludeDeprecated."""

    def deprecated_at(self: Any) -> datetime:
        at: datetime = self.creation_date + DEPRECATED_AFTER
        return at

    def describe_images(self: Any) -> Any:
        result = original(self)
        if not self._get_param("ImageIds", []) and not self._get_param("IncludeDeprecated", False):
            images = [one for one in result.result["Images"] if one.deprecated_at > _today(one)]
            result.result["Images"] = images
        return result

    _rebind(Ami, "deprecated_at", property(deprecated_at))
    _rebind(Ami, "deprecation_time", property(lambda self: self.deprecated_at.strftime(_TIME)))
    original = _rebind(AmisResponse, "describe_images", describe_images)


def _images_have_their_size() -> None:
    """Promise: an image tells how large a disk it needs, encrypted or not, and that it goes with it."""

    def block_device_mappings(self: Any) -> list[dict[str, Any]]:
        ebs = {
            "SnapshotId": self.ebs_snapshot.id,
            "VolumeSize": moto_checks.image_gib(self),
            "DeleteOnTermination": True,
            "VolumeType": "gp2",
            "Encrypted": False,
        }
        return [{"DeviceName": self.root_device_name, "Ebs": ebs}]

    _rebind(Ami, "block_device_mappings", property(block_device_mappings))


def _today(image: Any) -> datetime:
    return datetime.now(image.creation_date.tzinfo)


def _groups_in_use_stay() -> None:
    """Promise: deleting a security group that an instance or interface has, or a rule names, is refused."""

    def delete(self: Any, vpc_id: str | None, group_id: str) -> None:
        if _in_use(self, group_id):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        original(self, vpc_id, group_id)

    original = _rebind(SecurityGroupBackend, "_delete_security_group", delete)


def _in_use(backend: Any, group_id: str) -> bool:
    living = [i for i in backend.all_instances() if i._state.name != states.TERMINATED]  # noqa: SLF001  # moto keeps an instance's state there
    holders = [instance.security_groups for instance in living]
    holders += [nic.group_set for nic in backend.enis.values()]
    return any(group.id == group_id for groups in holders for group in groups) or _is_named(backend, group_id)


def _is_named(backend: Any, group_id: str) -> bool:
    groups = [group for vpc in backend.groups.values() for group in vpc.values() if group.id != group_id]
    rules = [rule for group in groups for rule in [*group.ingress_rules, *group.egress_rules]]
    return any(rule.source_group.get("GroupId") == group_id for rule in rules)


def _volumes_say_when_they_go() -> None:
    """Promise: DescribeVolumes tells whether a volume ends with its instance."""

    def delete_on_termination(self: Any) -> bool:
        mapping = self.instance.block_device_mapping.get(self.device)
        return bool(mapping and mapping.delete_on_termination)

    _rebind(VolumeAttachment, "delete_on_termination", property(delete_on_termination))


def _tags_are_read_quickly() -> None:
    """Promise: showing one thing's tags neither looks through everybody's (a fleet of 200 took seconds)
    nor fails because a tag is added meanwhile.
    """

    def get_tags(self: Any) -> list[dict[str, str]]:
        return [{"key": key, "value": value} for key, value in dict(self.ec2_backend.tags[self.id]).items()]

    _rebind(TaggedEC2Resource, "get_tags", get_tags)


def _filters_are_known() -> None:
    """Promise: DescribeInstances filters by client token and lifecycle (moto answers them with HTML)."""
    known = ec2_utils.filter_dict_attribute_mapping
    known.setdefault("client-token", "client_token")
    known.setdefault("instance-lifecycle", "lifecycle")


def _forms_are_checked() -> None:
    """Promise: texts that AWS refuses for their length or letters are refused here too."""
    checked = (
        (InstanceResponse, "run_instances", forms.launch),
        (SecurityGroups, "create_security_group", forms.group),
        (SecurityGroups, "authorize_security_group_ingress", forms.rules),
        (TagResponse, "create_tags", forms.tags),
    )
    for owner, name, check in checked:
        _check_before(owner, name, check)


def _check_before(owner: Any, name: str, check: Callable[[Any], None]) -> None:
    def action(self: Any) -> Any:
        try:
            check(self.params)
        except forms.Malformed as error:
            raise EC2ClientError(error.code, str(error)) from error
        return original(self)

    original = _rebind(owner, name, action)


def _user_data_is_encoded_once() -> None:
    """Promise: ModifyInstanceAttribute takes user-data as SDKs send it. It has been decoded with the
    request by then; moto wants it encoded once more, which no SDK does.
    """

    def parse_user_data(value: Any) -> Any:
        if isinstance(value, bytes):
            return Base64EncodedString.from_encoded_bytes(base64.b64encode(value))
        return original(value)

    original = _rebind(instance_responses, "parse_user_data", parse_user_data)


def _shutdown_behavior_can_be_changed() -> None:
    """Promise: ModifyInstanceAttribute changes what a shutdown from inside does (moto: HTTP 500)."""

    def modify_instance_attribute(self: Any) -> Any:
        behavior = self._get_param("InstanceInitiatedShutdownBehavior.Value")
        if behavior is None:
            return original(self)
        self.error_on_dryrun()
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        instance.instance_initiated_shutdown_behavior = behavior
        return EmptyResult()

    original = _rebind(InstanceResponse, "modify_instance_attribute", modify_instance_attribute)


def _spot_prices_are_plausible() -> None:
    """Promise: spot prices are a part of a known on-demand price, another in each zone, of this day."""

    def describe_spot_price_history(self: Any) -> Any:
        result = original(self)
        rows = result.result["SpotPriceHistory"]
        for row in rows[:]:
            usd = pricelist.spot(row["InstanceType"], row["AvailabilityZone"])
            if usd is None:
                rows.remove(row)
                continue
            row["SpotPrice"] = f"{usd:.6f}"
            row["Timestamp"] = datetime.now(UTC)
            row["ProductDescription"] = "Linux/UNIX"
        return result

    original = _rebind(SpotInstances, "describe_spot_price_history", describe_spot_price_history)


def _consoles_are_their_own(lives: Lives) -> None:
    """Promise: GetConsoleOutput is what the instance itself has said (moto: one fixed sample)."""

    def get_console_output(self: Any) -> ActionResult:
        instance = self.ec2_backend.get_instance(self._get_param("InstanceId"))
        output = base64.b64encode(lives.console(instance.id)).decode()
        found = {"InstanceId": instance.id, "Output": output, "Timestamp": datetime.now(UTC)}
        return ActionResult(found)

    _rebind(ConsoleResponse, "get_console_output", get_console_output)
