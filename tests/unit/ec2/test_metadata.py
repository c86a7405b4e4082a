"""What an instance may ask: metadata with a token only, and no credentials but a bucket's."""

import subprocess

import pytest
from botocore.exceptions import ClientError

from awstune import names
from awstune.ec2 import end, fits, guard, instances, metadata, unfetched
from awstune.errors import CloudError, UsageError
from tests.unit.ec2.launches import launched, only, started, tags_of, user_data_of
from tests.unit.ec2.test_restart import new_user_data

__all__ = ["new_user_data"]

COURSE = {"type": "p2.xlarge", "image": names.COURSE_AMI}


@pytest.fixture
def course(cloud, keys_dir, answering):
    """An instance of the course's image."""
    offer = {"InstanceType": "p2.xlarge", "LocationType": "region", "Location": "us-east-1"}
    answering("ec2", "DescribeInstanceTypeOfferings", {"InstanceTypeOfferings": [offer]})
    launched(cloud, keys_dir, **COURSE)
    return instances.find(cloud, "lab")


def test_the_courses_image_boots_without_tokens_and_then_needs_them(cloud, course):
    """Its cloud-init is older than IMDSv2: optional at launch, hop limit 1 always, required afterwards."""
    options = only(cloud)["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("optional", 1)
    assert metadata.due(course)
    assert metadata.boots_without_tokens(course)
    metadata.require_tokens(cloud, course)
    options = only(cloud)["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 1)
    assert not metadata.due(instances.find(cloud, "lab"))


def test_it_keeps_its_host_keys_where_a_boot_finds_no_metadata(cloud, course):
    """Tokens required, a reboot from inside looks like a new machine to it: its host keys must stay."""
    files = {file["path"]: file["content"] for file in user_data_of(cloud, course.id)["write_files"]}
    assert files["/etc/cloud/cloud.cfg.d/99-awstune.cfg"] == "ssh_deletekeys: false\n"


def test_a_start_lets_it_boot_so_once_more(cloud, course, new_user_data):
    """The new end travels in user-data, which it must be able to read."""
    metadata.require_tokens(cloud, course)
    list(end.stop(cloud, [course], sleep=lambda _: None))
    list(started(cloud, ttl_s=3600))
    assert only(cloud)["MetadataOptions"]["HttpTokens"] == "optional"
    assert metadata.due(instances.find(cloud, "lab"))
    assert new_user_data


def test_an_image_of_today_needs_them_from_the_first_second(cloud, keys_dir, new_user_data):
    """IMDSv2 at launch and at every start; nothing about host keys in its user-data."""
    launched(cloud, keys_dir)
    lab = instances.find(cloud, "lab")
    assert lab.http_tokens == "required"
    assert names.TAG_IMDS not in lab.tags
    assert "cloud.cfg.d" not in str(user_data_of(cloud, lab.id))
    list(end.stop(cloud, [lab], sleep=lambda _: None))
    list(started(cloud, ttl_s=3600))
    assert only(cloud)["MetadataOptions"]["HttpTokens"] == "required"


@pytest.mark.parametrize(
    ("image", "old"),
    [
        (names.COURSE_AMI, True),
        ("Deep Learning AMI (Ubuntu) Version 26.0", True),
        ("Deep Learning AMI (Ubuntu 18.04) Version 60.1", False),
        ("Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.7 (Ubuntu 24.04) 20260801", False),
        ("my-own-image", False),
    ],
)
def test_which_images_are_that_old(image, old):
    """A row of the table says so; what no row knows is taken to be of today."""
    assert fits.boots_by_imds_v1(image) is old


def test_no_credentials_but_where_a_bucket_is_asked_for(cloud, keys_dir):
    """Without --results-bucket there is no instance profile, no tag and no file."""
    launched(cloud, keys_dir)
    facts = only(cloud)
    assert "IamInstanceProfile" not in facts
    assert names.TAG_BUCKET not in tags_of(facts)
    assert "bucket" not in str(user_data_of(cloud, facts["InstanceId"])["bootcmd"])


def _profile(cloud):
    cloud.client("s3").create_bucket(Bucket="my-results")
    iam = cloud.client("iam")
    iam.create_role(RoleName=names.RESULTS_PROFILE, AssumeRolePolicyDocument="{}")
    iam.create_instance_profile(InstanceProfileName=names.RESULTS_PROFILE)
    iam.add_role_to_instance_profile(
        InstanceProfileName=names.RESULTS_PROFILE, RoleName=names.RESULTS_PROFILE
    )


def test_a_results_bucket(cloud, keys_dir, tmp_path, new_user_data):
    """The profile of infra/, the bucket's name in a tag and, at every boot, in a file below /run."""
    _profile(cloud)
    launched(cloud, keys_dir, results_bucket="my-results")
    facts = only(cloud)
    assert facts["IamInstanceProfile"]["Arn"].endswith("instance-profile/awstune-results")
    assert tags_of(facts)[names.TAG_BUCKET] == "my-results"
    assert facts["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    _boot(tmp_path, user_data_of(cloud, facts["InstanceId"]))
    assert (tmp_path / names.BUCKET_FILE.lstrip("/")).read_text() == "my-results\n"
    list(end.stop(cloud, instances.own(cloud), sleep=lambda _: None))
    list(started(cloud, ttl_s=3600))
    (tmp_path / names.BUCKET_FILE.lstrip("/")).unlink()
    _boot(tmp_path, new_user_data[0])
    assert (tmp_path / names.BUCKET_FILE.lstrip("/")).read_text() == "my-results\n"


def _boot(root, data):
    for command in data["bootcmd"][:1]:
        subprocess.run(command, env={"PATH": "/usr/bin:/bin", "AWSTUNE_ROOT": str(root)}, check=True)


def test_a_profile_that_nobody_has_made(cloud, keys_dir):
    """Refused before anything is made, with the command that makes it."""
    with pytest.raises(UsageError, match="needs the instance profile awstune-results") as caught:
        launched(cloud, keys_dir, results_bucket="my-results")
    assert "--template-file infra/results-bucket.yaml" in caught.value.hint
    assert cloud.ec2.describe_key_pairs()["KeyPairs"] == []


def test_a_bucket_that_is_not_there(cloud, keys_dir):
    """So is a misspelled bucket, to which nobody could write."""
    _profile(cloud)
    with pytest.raises(UsageError, match="there is no bucket 'my-result'") as caught:
        launched(cloud, keys_dir, results_bucket="my-result")
    assert "aws cloudformation describe-stacks" in caught.value.hint


def test_a_profile_that_nobody_may_look_for(cloud, keys_dir, answering):
    """A caller who may not ask launches all the same: AWS's words, and the template that mends it."""
    answering("iam", "GetInstanceProfile", "AccessDenied")
    answering("s3", "ListObjectsV2", "AccessDenied")
    event = "before-call.ec2.RunInstances"

    def refuse(**_):
        error = {
            "Code": "InvalidParameterValue",
            "Message": "Value (awstune-results) for parameter "
            "iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
        }
        raise ClientError({"Error": error}, "RunInstances")

    events = cloud.launcher.meta.events
    events.register_first(event, refuse)
    try:
        with pytest.raises(CloudError) as caught:
            launched(cloud, keys_dir, results_bucket="my-results")
    finally:
        events.unregister(event, refuse)
    assert "infra/results-bucket.yaml" in caught.value.hint
    assert instances.own(cloud) == []
    assert cloud.ec2.describe_key_pairs()["KeyPairs"] == []


def test_what_is_not_home_yet(cloud, keys_dir):
    """Each launch says that it holds nothing; sweeps are added and taken away, read anew each time."""
    launched(cloud, keys_dir)
    lab = instances.find(cloud, "lab")
    assert unfetched.sweeps(lab) == ()
    for name in ("one", "two", "one"):
        unfetched.add(cloud, lab, name)
    assert unfetched.sweeps(instances.find(cloud, "lab")) == ("two", "one")
    unfetched.remove(cloud, lab, "two")
    assert unfetched.sweeps(instances.find(cloud, "lab")) == ("one",)


def test_more_than_a_tag_holds():
    """256 characters: what does not fit is more, and more is never taken away."""
    names_ = tuple(f"sweep-with-a-long-name-{number}" for number in range(30))
    text = unfetched.as_tag(names_)
    assert len(text) <= 256
    assert text.endswith(unfetched.MORE)
    assert unfetched.as_tag(("a", unfetched.MORE)) == "a,..."


@pytest.mark.parametrize("bucket", ["", "a-bucket-whose-name-is-as-long-as-names-of-buckets-get-at-aws-63"])
def test_user_data_stays_short(bucket):
    """12 KB with everything in it that there may be."""
    limits = guard.Limits(1800, 5.0, 0.9, 0.01)
    text = guard.user_data(
        guard.HostKey.generate(), ends=1e9, stamp="t" * 44, limits=limits, bucket=bucket, keep_host_keys=True
    )
    assert len(text.encode()) <= guard.MAX_BYTES
