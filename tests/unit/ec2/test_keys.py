import os
import stat
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from awstune.ec2 import keys
from awstune.errors import KeyFileError


def test_a_key_is_born_private(keys_dir):
    """The file has mode 600 and its folder 700, whatever the umask."""
    old = os.umask(0)
    try:
        keys.generate(keys_dir / "lab.pem")
    finally:
        os.umask(old)
    assert stat.S_IMODE((keys_dir / "lab.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(keys_dir.stat().st_mode) == 0o700


def test_the_public_half_is_the_files(keys_dir):
    """What is imported is the public half of what was written."""
    public = keys.generate(keys_dir / "lab.pem")
    assert public.startswith("ssh-ed25519 ")
    assert keys.read_public(keys_dir / "lab.pem") == public


def test_openssh_reads_the_key(keys_dir):
    """The system's ssh-keygen agrees with us about the public half."""
    public = keys.generate(keys_dir / "lab.pem")
    done = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(keys_dir / "lab.pem")], check=True, capture_output=True, text=True
    )
    assert keys.same(done.stdout, public)


def test_a_key_is_never_overwritten(keys_dir):
    """An existing file stays, and the error says so."""
    keys.generate(keys_dir / "lab.pem")
    before = (keys_dir / "lab.pem").read_bytes()
    with pytest.raises(KeyFileError, match="File exists"):
        keys.generate(keys_dir / "lab.pem")
    assert (keys_dir / "lab.pem").read_bytes() == before


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o666])
def test_a_key_that_others_can_read_is_refused_with_the_fix(keys_dir, mode):
    """Wider permissions are refused, and the hint is the chmod of the course."""
    path = keys_dir / "lab.pem"
    keys.generate(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError) as caught:
        keys.read_public(path)
    assert caught.value.hint == f"chmod 600 {path}"


def test_an_rsa_pem_of_the_course_works(tmp_path):
    """A .pem as the EC2 console hands it out is read."""
    path = tmp_path / "course.pem"
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    path.write_bytes(private)
    path.chmod(0o600)
    assert keys.read_public(path).startswith("ssh-rsa ")


def test_a_file_that_is_no_key_is_named(tmp_path):
    """Something else under --key is an error with a way out, no traceback."""
    path = tmp_path / "notes.txt"
    path.write_text("hello")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"notes\.txt is not a private key"):
        keys.read_public(path)


def test_a_missing_key_is_named(tmp_path):
    """No file under --key."""
    with pytest.raises(KeyFileError, match="there is no private key at"):
        keys.check_mode(tmp_path / "none.pem")


def test_rsa_on_request(keys_dir):
    """--key-type rsa makes an RSA key, for images that do not know ed25519."""
    assert keys.generate(keys_dir / "old.pem", key_type="rsa").startswith("ssh-rsa ")
