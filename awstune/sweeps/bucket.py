"""A sweep's folder, copied to a bucket as it goes, with the rights of the instance and no others.

The credentials are the instance profile's, from the metadata service: they are asked for when they are
needed and kept nowhere. S3 is spoken to by the standard library: what runs here is the worker, whose
environment has no boto3.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html;
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html;
https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html (a key's length).
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import stat
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

from awstune import names
from awstune.sweeps.copied import travels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from awstune.sweeps.folder import Folder
    from awstune.sweeps.imds import Metadata

EVERY_S = 30.0
MOST_BYTES = 5 << 30  # of one PutObject
LONGEST_KEY = 1024  # bytes
_ROLE = "iam/security-credentials/"
_TIMEOUT_S = 60.0
_AGAIN_S = (1.0, 4.0, 15.0)  # before the last copy is tried again
_UNSIGNED = "UNSIGNED-PAYLOAD"  # over TLS, which the bucket insists on


class BucketError(Exception):
    """Something was not taken, this time; the words are for ``worker.log``."""


class TooLargeError(Exception):
    """A file that no bucket takes, at any time; the words are for ``worker.log``."""


@dataclass(frozen=True)
class Credentials:
    """What a request is signed with."""

    access_key: str
    secret_key: str
    token: str


class Put(Protocol):
    """Keeps a file's content under a key, as far as its first ``size`` bytes.

    Raises:
        BucketError: it was not taken.
        TooLargeError: it never will be.
        OSError: the file cannot be read.
    """

    def __call__(self, key: str, file: Path, size: int) -> None:
        """See the class."""


def of_instance(metadata: Metadata) -> Credentials:
    """The credentials of the instance's own profile.

    Raises:
        BucketError: it has none.
    """
    role = (metadata.get(_ROLE) or "").strip()
    text = metadata.get(_ROLE + role) if role else None
    if text is None:
        raise BucketError("this instance has no profile to write results with")
    try:
        said = json.loads(text)
        return Credentials(said["AccessKeyId"], said["SecretAccessKey"], said["Token"])
    except (ValueError, KeyError, TypeError) as error:  # such as {"Code": "AssumeRoleUnauthorizedAccess"}
        raise BucketError(f"the profile {role} gives this instance no rights: {text[:200]}") from error


class S3:
    """Puts files into a bucket.

    Args:
        bucket: its name.
        region: where it is; another one that S3 names is taken from then on.
        credentials: asked for at each request.
        now: the time.
        endpoint: another server than AWS's.
    """

    def __init__(
        self,
        bucket: str,
        region: str,
        credentials: Callable[[], Credentials],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        endpoint: str | None = None,
    ) -> None:
        self._bucket, self._region, self._credentials, self._now = bucket, region, credentials, now
        self._endpoint = endpoint

    def __call__(self, key: str, file: Path, size: int) -> None:
        """Keep a file's content under a key; see `Put`."""
        if len(key.encode()) > LONGEST_KEY:
            raise TooLargeError(f"its place in a bucket is longer than {LONGEST_KEY} bytes")
        if size > MOST_BYTES:
            raise TooLargeError(f"{key} is larger than what one upload takes ({MOST_BYTES >> 30} GiB)")
        status, region, said = self._send(key, file, size)
        if status in (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.BAD_REQUEST) and region not in (
            "",
            self._region,
        ):
            self._region = region
            status, _, said = self._send(key, file, size)
        if status != HTTPStatus.OK:
            raise BucketError(f"the bucket {self._bucket} did not take {key}: {status} {said[:200]}")

    def _send(self, key: str, file: Path, size: int) -> tuple[int, str, str]:
        place = self._endpoint or f"https://{self._bucket}.s3.{self._region}.amazonaws.com"
        parts = urlsplit(place)
        # A server with no name for each bucket has them as folders.
        key = f"{self._bucket}/{key}" if self._endpoint else key
        kind = http.client.HTTPConnection if parts.scheme == "http" else http.client.HTTPSConnection
        path = f"/{quote(key, safe='/-_.~')}"
        with file.open("rb") as body, closing(kind(parts.netloc, timeout=_TIMEOUT_S)) as connection:
            try:
                headers = signed(parts.netloc, path, self._region, self._credentials(), self._now())
                # What is appended meanwhile is left for the next time.
                pieces = _pieces(body.read, size)
                connection.request("PUT", path, pieces, {**headers, "Content-Length": str(size)})
                answer = connection.getresponse()
                region = answer.headers.get("x-amz-bucket-region", "")
                return answer.status, region, answer.read().decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                raise BucketError(f"the bucket {self._bucket} cannot be reached: {error}") from error


def _pieces(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (piece := read(min(size, 1 << 20))):
        size -= len(piece)
        yield piece


def signed(host: str, path: str, region: str, credentials: Credentials, now: datetime) -> dict[str, str]:
    """The headers of a PUT to S3, signed (Signature Version 4).

    Args:
        host: as the request names it.
        path: percent-encoded.
        region: the bucket's.
        credentials: whose.
        now: the time, in UTC.
    """
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {
        "host": host,
        "x-amz-content-sha256": _UNSIGNED,
        "x-amz-date": stamp,
        "x-amz-security-token": credentials.token,
    }
    listed = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"PUT\n{path}\n\n{lines}\n{listed}\n{_UNSIGNED}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{credentials.secret_key}".encode()
    for word in (stamp[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    whose = f"Credential={credentials.access_key}/{scope}, SignedHeaders={listed}, Signature={signature}"
    return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {whose}"}


class Copy:
    """Copies a sweep's folder, what has changed, every now and then; the journal comes last.

    What a reader finds in the bucket is then never behind its journal: that goes as far as it went before
    the files were looked for, and not at all while one of them is still to come.

    Args:
        folder: the sweep's.
        put: keeps a file.
        warn: told once of each failure.
        instance: gives the id of the one that this is, whose place in the bucket is its own; None where
            nobody can say, as yet.
        origin: what was sent along of where the sweep runs: who finds the copy asks there, and nowhere
            else, whether it still does.
        every_s: how often.
        clock: in seconds.
    """

    def __init__(
        self,
        folder: Folder,
        put: Put,
        warn: Callable[[str], object],
        *,
        instance: Callable[[], str | None],
        origin: Path | None = None,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._give_up = clock, float("inf")
        self._folder, self._put, self._warn, self._every_s = folder, put, warn, every_s
        self._instance, self._origin, self._place = instance, origin, ""
        self._sent: dict[str, tuple[int, int]] = {}
        self._warned: set[str] = set()
        self._without: set[str] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()

    def begin(self) -> None:
        """Copy from now on, in a thread of its own."""
        threading.Thread(target=self._run, name="bucket", daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.flush()

    def end(self, patience_s: float = float("inf"), *, sleep: Callable[[float], object] = time.sleep) -> bool:
        """Copy a last time, and no more; whether all of it is there.

        What was not taken for once is tried again: an instance that ends by itself does so only with all
        of it there.

        Args:
            patience_s: after so long no other file is begun.
            sleep: waits that long.
        """
        self._over.set()
        self._give_up = self._clock() + patience_s
        whole = self.flush()
        for pause_s in _AGAIN_S:
            if whole or self._without or self._clock() >= self._give_up:
                break
            sleep(pause_s)  # a bucket does not tell that it takes files again
            whole = self.flush()
        return whole

    def flush(self) -> bool:
        """Copy what has changed; whether all of it is there now."""
        with self._lock:
            try:
                return self._flush()
            except Exception as error:  # noqa: BLE001  who copies no more is missed when the instance is gone
                self._tell(f"the sweep's folder was not copied, and is tried again: {error!r}")
                return False

    def _flush(self) -> bool:
        self._place = self._place or self._find_place()
        if not self._place:
            return False
        journal = self._folder.journal_file
        size = journal.stat().st_size if journal.exists() else 0
        self._without.clear()
        # All are tried: what is there already need not be sent in the instance's last minutes.
        there = [self._clock() < self._give_up and self._copy(path) for path in self._files()]
        if self._origin is not None:
            there.append(self._copy(self._origin, name=names.WHERE_FILE))
        return all(there) and self._copy(journal, size) and not self._without

    def _find_place(self) -> str:
        instance = self._instance()
        if instance is None:
            self._tell("the metadata service does not say which instance this is; nothing is copied yet")
            return ""
        return names.BUCKET_PREFIX.format(sweep=self._folder.name, instance=instance)

    def _files(self) -> list[Path]:
        home = self._folder.path
        # Not rglob, which a folder that goes meanwhile would end.
        walked = (Path(place, name) for place, _, files in os.walk(home) for name in files)
        wanted = (path for path in walked if travels(path.relative_to(home).as_posix()))
        return sorted(path for path in wanted if _regular(path))

    def _copy(self, path: Path, size: int | None = None, *, name: str | None = None) -> bool:
        """Has a file there, up to some size; False where that is to be tried again."""
        key = self._place + (name or path.relative_to(self._folder.path).as_posix())
        try:
            about = path.stat()
            stands = (about.st_size if size is None else size, about.st_mtime_ns)
            if self._sent.get(key) != stands:
                self._put(key, path, stands[0])
                self._sent[key] = stands
        except FileNotFoundError:  # a checkpoint that a newer one has replaced
            return True
        except BucketError as error:
            self._tell(str(error))
            return False
        except (OSError, TooLargeError, ValueError) as error:  # the others go on without it, say of a name
            # that is no text
            self._without.add(key)
            self._tell(f"{path} is not copied: {error}")
        return True

    def _tell(self, what: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            self._warn(what)


def _regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:  # gone meanwhile
        return False
