"""EC2 without AWS: one boto3 Session for all tests, and few images, so that the suite stays fast."""

import json
import os
import sys
import tempfile
from pathlib import Path

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ConnectionClosedError

IMAGES = [
    ("ami-0000000000000c0de", "Deep Learning AMI (Ubuntu) Version 21.2", "2019-01-18T00:00:00.000Z"),
    (
        "ami-00000000000024040",
        "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.7 (Ubuntu 24.04) 20260801",
        "2026-08-01T00:00:00.000Z",
    ),
    (
        "ami-00000000000022040",
        "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.6 (Ubuntu 22.04) 20260401",
        "2026-04-01T00:00:00.000Z",
    ),
]
COURSE_IMAGE, NEW_IMAGE, OLD_IMAGE = (image for image, _, _ in IMAGES)


def _write_images() -> str:
    facts = [
        {
            "ami_id": ami_id,
            "name": name,
            "creation_date": created,
            "description": name,
            "owner_id": "898082745236",
            "public": True,
            "virtualization_type": "hvm",
            "architecture": "x86_64",
            "state": "available",
            "platform": None,
            "image_type": "machine",
            "hypervisor": "xen",
            "root_device_name": "/dev/sda1",
            "root_device_type": "ebs",
            "sriov": "simple",
        }
        for ami_id, name, created in IMAGES
    ]
    path = Path(tempfile.mkdtemp(prefix="awstune-amis-")) / "amis.json"
    path.write_text(json.dumps(facts))
    return str(path)


# moto reads this when it is imported.
os.environ["MOTO_AMIS_PATH"] = _write_images()

from moto import mock_aws  # noqa: E402  # after MOTO_AMIS_PATH is set, which moto reads at import

from awstune.ec2 import iam  # noqa: E402  # after MOTO_AMIS_PATH is set, which moto reads at import
from awstune.ec2 import session as ec2_session  # noqa: E402  # after MOTO_AMIS_PATH is set, which moto reads at import
from tests.calls import named, note  # noqa: E402  # after MOTO_AMIS_PATH is set, which moto reads at import

# Calls that awstune made and that its policy does not allow.
UNLISTED = []
_PASSED_THROUGH = ("/botocore/", "/boto3/", "/contextlib.py")


def check_listed(service, operation):
    """Whether the policy allows a call."""
    return named(service, operation) in iam.actions()


def _record(model, **_):
    """Looks at each call that awstune itself makes; what tests call is theirs."""
    frame = sys._getframe()
    while frame and (frame.f_code.co_filename == __file__ or _passed(frame.f_code)):
        frame = frame.f_back
    service = model.service_model.service_name
    if not frame or "/awstune/ec2/" not in frame.f_code.co_filename:
        return
    note(service, model.name)
    if not check_listed(service, model.name):
        UNLISTED.append((service, model.name))
        raise AssertionError(f"awstune calls {service}:{model.name}, which `awstune iam` does not allow")


def _passed(code):
    # session.py sits under each client with a method of botocore's; what else it calls is its own.
    return code.co_name == "_make_api_call" or any(part in code.co_filename for part in _PASSED_THROUGH)


@pytest.fixture(scope="session")
def boto_session():
    """The one Session: botocore's models are parsed once."""
    session = boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1"
    )
    # Of all events the first one, so that no test has answered the call before it is seen.
    session.events.register("provide-client-params", _record)
    return session


@pytest.fixture(scope="session")
def shared_cloud(boto_session):
    """The one Cloud: its clients are made once."""
    return ec2_session.Cloud(boto_session, "us-east-1")


@pytest.fixture
def cloud(shared_cloud):
    """An empty account in us-east-1."""
    with mock_aws():
        # Asked once a process; each test has an account of its own.
        shared_cloud.__dict__.pop("has_backstop", None)
        yield shared_cloud


@pytest.fixture
def keys_dir(tmp_path):
    """Where private keys go."""
    return tmp_path / "keys"


@pytest.fixture
def answering(cloud):
    """Lets AWS answer calls that moto does not know: `answering(service, Operation, answer or error)`."""
    undo = []

    def register(service, operation, answer, region=None, **options):
        client = cloud.client(service, region=region, **options)
        name = f"before-call.{client.meta.service_model.service_id.hyphenize()}.{operation}"

        def respond(params, **_):
            found = answer(params) if callable(answer) else answer
            if isinstance(found, str):
                raise ClientError({"Error": {"Code": found, "Message": "No."}}, operation)
            return AWSResponse("", 200, {}, None), found

        client.meta.events.register(name, respond)
        undo.append(lambda: client.meta.events.unregister(name, respond))

    yield register
    for one in undo:
        one()


def _failing(cloud, answers):
    """RunInstances meets these errors first: AWS's codes, or None for a broken connection."""
    left = list(answers)

    def answer(request, **_):
        if not left:
            return
        code = left.pop(0)
        if code is None:
            raise ConnectionClosedError(endpoint_url=request.url)
        raise ClientError({"Error": {"Code": code, "Message": "No."}}, "RunInstances")

    cloud.launcher.meta.events.register_first("before-send.ec2.RunInstances", answer)
    return lambda: cloud.launcher.meta.events.unregister("before-send.ec2.RunInstances", answer)


@pytest.fixture
def failing(cloud):
    """A way to make RunInstances fail, undone afterwards."""
    undo = []
    yield lambda *codes: undo.append(_failing(cloud, codes))
    for one in undo:
        one()
