import re

import pytest

from awstune.ec2 import fits, images, prices
from awstune.names import COURSE_AMI

TODAY = "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.8 (Ubuntu 24.04) 20260915"
OLDER = "Deep Learning OSS Nvidia Driver AMI GPU PyTorch 2.6 (Ubuntu 22.04) 20250401"
PROPRIETARY = "Deep Learning Proprietary Nvidia Driver AMI GPU PyTorch 2.3.1 (Ubuntu 20.04) 20240825"


@pytest.mark.parametrize(
    ("image", "gpu", "ok"),
    [
        (COURSE_AMI, "K80", True),
        (COURSE_AMI, "V100", True),
        (COURSE_AMI, "T4", True),
        (COURSE_AMI, "A10G", False),
        (COURSE_AMI, "L4", False),
        (TODAY, "K80", False),
        (TODAY, "V100", False),
        (TODAY, "T4", True),
        (TODAY, "A10G", True),
        (TODAY, "L40S", True),
        (TODAY, "H100", True),
        (TODAY, "B200", True),
        (OLDER, "B200", False),
        (PROPRIETARY, "V100", True),
        (PROPRIETARY, "K80", False),
    ],
)
def test_what_fits_what(image, gpu, ok):
    """Images and GPUs that are known to work together, or known not to."""
    found = fits.check(image, gpu)
    assert found.ok is ok
    assert bool(found.instead) is not ok


def test_a_k80_with_an_image_of_today_word_for_word():
    """The course's GPU with a CUDA 12 image: the reason, and the image that would do."""
    found = fits.check(TODAY, "K80")
    assert found.reason == "the K80 needs a driver of branch 470 or older; this image has 570"
    assert fits.check(found.instead.replace("*", "60"), "K80").ok


def test_each_reason_has_its_words():
    """Driver too old, open driver, CUDA too old: said apart."""
    assert (
        fits.check(COURSE_AMI, "L4").reason
        == "the L4 needs a driver of branch 525 or newer; this image has 410"
    )
    assert "open driver needs compute capability 7.5" in fits.check(TODAY, "V100").reason
    old = fits.Cuda("10.0", 410, 3.0, 7.5)
    assert "CUDA 10.0 has code for compute capability 3.0 to 7.5" in fits._cuda_against(old, fits.gpu("A100"))


def test_what_no_row_knows_is_not_judged():
    """An image of one's own, or a GPU of tomorrow."""
    assert fits.check("my image", "K80") is None
    assert fits.check(TODAY, "Z1000") is None
    assert fits.setup("my image", "K80") is None
    assert fits.family("my image") is None


@pytest.mark.parametrize(
    ("image", "gpu", "kind"),
    [
        (TODAY, "T4", "image"),
        (COURSE_AMI, "K80", "command"),
        (COURSE_AMI, "V100", "command"),
        ("Deep Learning AMI (Ubuntu 18.04) Version 60.0", "K80", "own"),
        ("Deep Learning Base OSS Nvidia Driver GPU AMI (Ubuntu 22.04) 20260101", "L4", "own"),
    ],
)
def test_how_a_function_gets_its_torch(image, gpu, kind):
    """In the image, in an environment of its own, or only as a command under the image's Python."""
    found = fits.setup(image, gpu)
    assert found.kind == kind
    assert (found.torch is not None) is (kind == "own")


def test_the_courses_pair_runs_commands_only():
    """Driver 410 is too old for any torch that Python 3.11 has: said so, in words."""
    assert fits.setup(COURSE_AMI, "K80").reason == (
        "no torch for Python 3.11 runs on the K80 with driver 410 and glibc 2.23; "
        "the image's own Python 3.6 has torch 1.0"
    )


def test_a_k80_gets_a_torch_for_cuda_11():
    """With a driver of branch 450 a K80 runs torch's cu118 build, and no newer one."""
    found = fits.setup("Deep Learning AMI (Ubuntu 18.04) Version 60.0", "K80")
    assert (found.torch.spec, found.torch.index[-5:]) == ("torch==2.3.1", "cu118")


def test_every_gpu_of_the_price_table_is_known():
    """No type is sold here whose GPU nobody can judge, and each has an image that drives it."""
    gpus = {facts.gpu for facts in prices.shipped().types.values() if facts.gpu}
    for name in gpus:
        assert fits.gpu(name) is not None
        assert fits.image_for(fits.gpu(name))


def test_the_default_image_of_each_type_fits():
    """What is taken where nothing is typed is never refused."""
    for facts in prices.shipped().types.values():
        query = images.default_query(facts.type).replace("*", "2.8", 1)
        if facts.gpu:
            assert fits.check(query, facts.gpu).ok, facts.type


def test_no_image_for_what_nothing_drives():
    """A GPU older than all drivers has no image."""
    assert fits.image_for(fits.Gpu("8800 GT", 1.1, 173, 340)) == ""


def test_builds_of_torch_are_pinned():
    """A newer release for the same CUDA may have dropped the GPU, so each build is one release."""
    assert all(re.fullmatch(r"torch==\d+\.\d+\.\d+", build.spec) for build in fits.torches())
