"""User-data, read as cloud-init reads it."""

import base64
import gzip

import pytest

from awstune.ec2 import guard
from awstune.localcloud import cloudinit
from awstune.localcloud.cloudinit import CloudConfig, File


def encoded(text):
    """User-data as the API carries it."""
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def test_the_guards_own_user_data():
    """What awstune launches with is understood whole."""
    key = guard.HostKey.generate()
    config = cloudinit.read(encoded(guard.user_data(key, ends=1_800_000_000, stamp="s")))
    assert config.problems == ()
    assert config.host_keys["ssh_host_ed25519_key"] == key.private
    assert config.host_keys["ssh_host_ed25519_key.pub"].strip() == key.public
    assert next(file.path for file in config.write_files) == guard.GUARD_PATH
    assert config.write_files[0].mode == 0o755
    assert len(config.bootcmd) == 2
    assert len(config.runcmd) == 1


@pytest.mark.parametrize("nothing", [None, ""])
def test_none(nothing):
    """An instance without user-data just boots."""
    assert cloudinit.read(nothing) == CloudConfig()


def test_a_script():
    """A script is the first boot's one command."""
    assert cloudinit.read(encoded("#!/bin/sh\ntrue\n")).runcmd == (("sh", "-c", "#!/bin/sh\ntrue\n"),)


def test_gzipped():
    """Compressed user-data is unpacked."""
    assert cloudinit.read(encoded(gzip.compress(b"#cloud-config\nruncmd: [ls]", mtime=0))).runcmd == (
        ("sh", "-c", "ls"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "not base64!!",
        encoded(b"\xff\xfe"),
        encoded(b"\x1f\x8bbroken"),
        encoded("hello"),
        encoded("#cloud-config\n{{{"),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_no_more(text):
    """Bad user-data is told, and the instance boots as if there were none."""
    config = cloudinit.read(text)
    assert len(config.problems) == 1
    assert CloudConfig(problems=config.problems) == config


def test_a_list_is_no_cloud_config():
    """A document that is not a mapping is a problem."""
    assert "mapping" in cloudinit.parse("#cloud-config\n- a\n").problems[0]


def test_commands_are_text_or_words():
    """A text goes to the shell; a list is run as it is, with every word a text."""
    config = cloudinit.parse("runcmd:\n- echo $HOME\n- [sleep, 1]\nbootcmd: [ls]\n")
    assert config.runcmd == (("sh", "-c", "echo $HOME"), ("sleep", "1"))
    assert config.bootcmd == (("sh", "-c", "ls"),)


def test_a_bad_entry_leaves_the_others():
    """One entry that cannot be used does not take its neighbours with it."""
    config = cloudinit.parse("runcmd:\n- {a: b}\n- ls\nwrite_files:\n- {content: x}\n- {path: /a}\n")
    assert config.runcmd == (("sh", "-c", "ls"),)
    assert [file.path for file in config.write_files] == ["/a"]
    assert len(config.problems) == 2


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("", "hello"),
        ("text/plain", "hello"),
        ("b64", encoded("hello")),
        ("base64", encoded("hello")),
        ("gz+b64", encoded(gzip.compress(b"hello", mtime=0))),
        ("gzip+base64", encoded(gzip.compress(b"hello", mtime=0))),
    ],
)
def test_encodings_of_files(encoding, content):
    """write_files may carry its content encoded."""
    text = f"write_files:\n- path: /x\n  encoding: '{encoding}'\n  content: {content}\n"
    assert cloudinit.parse(text).write_files == (File("/x", b"hello"),)


def test_binary_files():
    """YAML's own !!binary works too."""
    text = f"write_files:\n- path: /x\n  content: !!binary {encoded(bytes(range(256)))}\n"
    assert cloudinit.parse(text).write_files[0].content == bytes(range(256))


def test_files_lie_below_the_root(tmp_path):
    """An absolute path is one below the instance's root, with its mode."""
    cloudinit.write(File("/etc/x/y", b"1", 0o600), tmp_path)
    cloudinit.write(File("/etc/x/y", b"2", 0o640, append=True), tmp_path)
    assert (tmp_path / "etc/x/y").read_bytes() == b"12"
    assert (tmp_path / "etc/x/y").stat().st_mode & 0o777 == 0o640


def test_a_private_host_key_is_private(tmp_path):
    """Host keys lie where an SSH server finds them; the private half is its owner's only."""
    cloudinit.write_host_keys({"ssh_host_rsa_key": "p", "ssh_host_rsa_key.pub": "q"}, tmp_path)
    assert (tmp_path / "etc/ssh/ssh_host_rsa_key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc/ssh/ssh_host_rsa_key.pub").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("path", ["../../outside", "/../../outside", "a/../../../outside"])
def test_no_file_leaves_the_root(path, tmp_path):
    """A path that climbs out of the instance is refused."""
    root = tmp_path / "deep" / "root"
    with pytest.raises(ValueError, match="outside"):
        cloudinit.write(File(path, b"x"), root)
    assert not (tmp_path / "outside").exists()
