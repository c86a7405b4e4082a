"""What AWS refuses for its form alone."""

import base64

import pytest

from awstune.localcloud import forms


def encoded(size):
    """User-data of a size."""
    return base64.b64encode(b"x" * size).decode()


@pytest.mark.parametrize(
    ("check", "params"),
    [
        (forms.launch, {}),
        (forms.launch, {"UserData": encoded(16384), "ClientToken": "a" * 64}),
        (forms.launch, {"TagSpecifications": [{"Tags": [{"Key": "awstune:name", "Value": "ü" * 256}]}]}),
        (forms.group, {"GroupName": "awstune-lab", "Description": "SSH from one address (awstune)"}),
        (forms.rules, {"IpPermissions": [{"IpRanges": [{"CidrIp": "1.2.3.4/32", "Description": "own"}]}]}),
        (forms.rules, {"IpPermissions": [{"IpRanges": [{"CidrIp": "1.2.3.4/32"}]}]}),
        (forms.tags, {"Tags": [{"Key": "k" * 128, "Value": ""}]}),
    ],
)
def test_what_is_accepted(check, params):
    """Well-formed parameters pass."""
    check(params)


@pytest.mark.parametrize(
    ("check", "params", "words"),
    [
        (forms.launch, {"UserData": encoded(16385)}, "16384 bytes"),
        (forms.launch, {"ClientToken": "a" * 65}, "client token"),
        (forms.launch, {"ClientToken": "tökén"}, "client token"),
        (forms.launch, {"TagSpecifications": [{"Tags": [{"Key": "aws:x", "Value": ""}]}]}, "reserved"),
        (forms.group, {"GroupName": "g", "Description": "one's own"}, "security group description"),
        (forms.group, {"GroupName": "sg-mine", "Description": "d"}, "sg-"),
        (forms.group, {"GroupName": "é", "Description": "d"}, "security group name"),
        (forms.group, {"GroupName": "g", "Description": "d" * 256}, "256"),
        (forms.rules, {"IpPermissions": [{"Ipv6Ranges": [{"Description": "it's"}]}]}, "rule description"),
        (forms.tags, {"Tags": [{"Key": "k" * 129, "Value": ""}]}, "Tag key"),
        (forms.tags, {"Tags": [{"Key": "", "Value": ""}]}, "Tag key"),
        (forms.tags, {"Tags": [{"Key": "k", "Value": "v" * 257}]}, "Tag value"),
    ],
)
def test_what_is_refused(check, params, words):
    """Each is AWS's InvalidParameterValue."""
    with pytest.raises(forms.Malformed, match=words) as refused:
        check(params)
    assert refused.value.code == "InvalidParameterValue"


def test_too_many_tags():
    """Fifty is the most."""
    some = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
    with pytest.raises(forms.Malformed) as refused:
        forms.tags({"Tags": some})
    assert refused.value.code == "TagLimitExceeded"
