from dataclasses import replace

import pytest

from awstune.ec2 import keys, prices, steps
from awstune.ec2.plan import make_plan
from awstune.ec2.quotas import Quota
from awstune.ec2.wanted import Wanted
from awstune.errors import KeyFileError, NameTaken, NotOffered, UsageError
from tests.unit.ec2.plans import ALL, IMAGE, KEY, NOTHING, OTHER, PUBLIC, RUNNING


def test_other_wishes_are_refused_saying_what_differs():
    """The same name with other wishes: what it has, and what was asked."""
    with pytest.raises(NameTaken) as caught:
        make_plan(Wanted("lab", type="g5.xlarge", ttl_s=None), ALL)
    assert caught.value.message == (
        "lab is there already, with other wishes: type is p2.xlarge, not g5.xlarge, ttl is 8h, not none"
    )
    assert "awstune terminate lab" in caught.value.hint


def test_a_wish_left_out_differs_too():
    """A disk that was typed the first time and not the second is named."""
    there = replace(RUNNING, wishes=Wanted("lab", disk_gib=200).wishes_tag())
    with pytest.raises(NameTaken, match="disk is 200, not left out"):
        make_plan(Wanted("lab"), replace(ALL, instances=(there,)))


def test_wishes_too_long_for_a_tag_still_differ():
    """Where the tag had to be cut short the hash still tells."""
    tags = {f"t{number:03}": "x" * 30 for number in range(20)}
    wanted = Wanted("lab", tags=tags)
    assert len(wanted.wishes_tag()) == 256
    there = replace(RUNNING, wishes="0123456789ab " + wanted.wishes_tag()[13:])
    with pytest.raises(NameTaken):
        make_plan(wanted, replace(ALL, instances=(there,)))
    same_words = replace(RUNNING, wishes="0123456789ab " + Wanted("lab").wishes_tag()[13:])
    with pytest.raises(NameTaken, match="too long"):
        make_plan(Wanted("lab"), replace(ALL, instances=(same_words,)))


def test_another_owners_name_is_refused():
    """Somebody else's instance of that name is not touched."""
    with pytest.raises(NameTaken, match="belongs to arn:aws:iam::1:user/you"):
        make_plan(Wanted("lab"), replace(ALL, instances=(replace(RUNNING, owner="arn:aws:iam::1:user/you"),)))


def test_a_stopped_one_is_started_not_twinned():
    """A stopped instance: the hint is `awstune start`."""
    with pytest.raises(NameTaken) as caught:
        make_plan(Wanted("lab"), replace(ALL, instances=(replace(RUNNING, state="stopped"),)))
    assert caught.value.hint == "awstune start lab"


def test_a_type_that_is_not_offered():
    """The region's nearest types with GPU and price, and how to take the first."""
    table = prices.shipped().types
    actual = replace(NOTHING, offered=False, stand_ins=(table["g4dn.xlarge"], table["g6.xlarge"]))
    with pytest.raises(NotOffered) as caught:
        make_plan(Wanted("lab"), actual)
    assert caught.value.message == (
        "us-east-1 does not offer p2.xlarge (AWS has retired it nearly everywhere); nearest: "
        "g4dn.xlarge (1 x T4, 16 GiB, $0.53/h), g6.xlarge (1 x L4, 24 GiB, $0.80/h)"
    )
    assert "--or-similar" in caught.value.hint
    assert caught.value.nearest == "g4dn.xlarge"
    with pytest.raises(NotOffered, match="nor anything like it"):
        make_plan(Wanted("lab"), replace(NOTHING, offered=False))


def test_the_nearest_types_say_what_the_quota_allows():
    """GPU, price, and the vCPUs that are left of the account's own quota."""
    quota = Quota("G", "on-demand", 8.0, 4.0)
    near = (prices.shipped().types["g4dn.xlarge"],)
    with pytest.raises(NotOffered) as caught:
        make_plan(Wanted("lab"), replace(NOTHING, offered=False, stand_ins=near, quotas={"G": quota}))
    assert caught.value.message.endswith(
        "nearest: g4dn.xlarge (1 x T4, 16 GiB, $0.53/h, 4 of 8 vCPUs of your quota left)"
    )


def test_a_key_that_only_aws_knows():
    """The private half is lost: the ways out are named."""
    with pytest.raises(KeyFileError) as caught:
        make_plan(
            Wanted("lab"), replace(NOTHING, key=replace(KEY, at_aws=keys.KeyPair("awstune-lab", PUBLIC)))
        )
    assert "not on this machine" in caught.value.message
    assert "--key" in caught.value.hint
    assert "awstune terminate lab" in caught.value.hint


def test_a_key_that_is_another_one():
    """A file here that is not the pair at AWS would lock everybody out: refused."""
    with pytest.raises(KeyFileError, match="is not the one in"):
        make_plan(Wanted("lab"), replace(ALL, instances=(), key=replace(ALL.key, here=OTHER)))


def test_a_key_that_only_this_disk_knows():
    """After a crash between writing and importing, the same key is imported."""
    first = make_plan(Wanted("lab"), replace(NOTHING, key=replace(KEY, here=PUBLIC))).steps[0]
    assert first == steps.ImportKeyPair("awstune-lab", KEY.path, public=PUBLIC)
    assert first.prose() == f"import the public half of {KEY.path} as the key pair awstune-lab"


def test_a_key_of_ones_own():
    """--key: its public half is imported; known to AWS already, it is only remembered here."""
    own = replace(KEY, own="/home/me/course.pem", own_public=PUBLIC)
    known = replace(own, at_aws=keys.KeyPair("awstune-lab", PUBLIC))
    wanted = Wanted("lab", key="course.pem")
    first = make_plan(wanted, replace(NOTHING, key=own)).steps[0]
    assert first.prose() == "import the public half of /home/me/course.pem as the key pair awstune-lab"
    linked = make_plan(wanted, replace(NOTHING, key=known)).steps[0]
    assert linked.prose() == "use the key pair awstune-lab with /home/me/course.pem"
    there = make_plan(wanted, replace(NOTHING, key=replace(known, here=PUBLIC)))
    assert there.steps[2].action == "run-instance"
    with pytest.raises(KeyFileError, match="is not the one in"):
        make_plan(wanted, replace(NOTHING, key=replace(known, at_aws=keys.KeyPair("awstune-lab", OTHER))))


def test_a_disk_smaller_than_the_image_is_refused():
    """Before anything is made, and with the size that would do."""
    with pytest.raises(UsageError) as caught:
        make_plan(Wanted("lab", disk_gib=20), NOTHING)
    assert caught.value.hint == "--disk 75, or leave --disk out"
    big = replace(NOTHING, image=replace(IMAGE, min_disk_gib=160))
    assert make_plan(Wanted("lab"), big).launches[0].disk_gib == 160


def test_an_image_that_does_not_drive_the_gpu_is_refused():
    """A K80 with a CUDA 12 image: refused before launch, with the reason and the image that would do."""
    today = replace(IMAGE, name="Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.8 (Ubuntu 24.04) 2026")
    with pytest.raises(UsageError) as caught:
        make_plan(Wanted("lab"), replace(NOTHING, image=today))
    assert caught.value.message.endswith("the K80 needs a driver of branch 470 or older; this image has 570")
    assert caught.value.hint.startswith("use --ami 'Deep Learning AMI (Ubuntu")
    no_gpu = make_plan(Wanted("lab", type="t3.micro"), replace(NOTHING, type="t3.micro", image=today))
    assert no_gpu.launches


def test_an_image_of_ones_own_is_not_judged():
    """What no row of the table knows is launched as asked."""
    assert make_plan(Wanted("lab"), replace(NOTHING, image=replace(IMAGE, name="mine"))).launches


def test_an_image_is_needed():
    """A survey that looked for no image cannot be planned on."""
    with pytest.raises(UsageError, match="no image"):
        make_plan(Wanted("lab"), replace(NOTHING, image=None))
