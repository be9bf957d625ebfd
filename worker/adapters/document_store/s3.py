"""Documents in an S3-compatible object store: `<prefix>/ab/cd/<sha256>`.

Amazon's own, or MinIO, Ceph and their like by `endpoint`. obstore (the Rust object_store) does the protocol; the keys
and the hash are ours, as in the folder.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from worker.ports import DocumentLost, StoredDocument

_SHA256 = re.compile(r"[0-9a-f]{64}")
_MARKS = "marks"
_TIMEOUTS = {"connect_timeout": "5s", "timeout": "30s"}
# A run must not stand still for a store that is away: what could not be written is tried again by the next slot.
_RETRIES: obstore.store.RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}


class S3DocumentStore:
    """Implements ports.DocumentStore. Connects when first used. Empty keys: the environment's own role is used
    (instance profile, web identity)."""

    def __init__(
        self,
        *,
        bucket: str,
        prefix: str,
        region: str,
        endpoint: str = "",
        access_key_id: str = "",
        secret_access_key: str = "",
    ) -> None:
        more: dict[str, str] = {}
        if endpoint:
            more["endpoint"] = endpoint
        if access_key_id:
            more |= {"access_key_id": access_key_id, "secret_access_key": secret_access_key}
        self._store = S3Store(
            bucket,
            prefix=prefix.strip("/") or None,
            region=region,
            # Servers other than Amazon's seldom have a host name for each bucket.
            virtual_hosted_style_request=not endpoint,
            client_options={**_TIMEOUTS, "allow_http": endpoint.startswith("http://")},  # pyright: ignore[reportArgumentType]
            retry_config=_RETRIES,
            **more,  # pyright: ignore[reportArgumentType]
        )

    def put(self, *, content: bytes) -> str:
        """The content's SHA-256; durable when it returns. Raises OSError.

        Written also when it is there: one request either way, and the sweep sees that it is wanted again.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            obstore.put(self._store, _key(sha256), content)
        except (BaseError, OSError) as error:
            raise _trouble(error) from None
        return sha256

    def get(self, *, sha256: str) -> bytes:
        """The document's bytes, checked against their hash. Raises DocumentLost, OSError when the store is away."""
        if not _SHA256.fullmatch(sha256):
            raise DocumentLost("not a SHA-256")
        content = self._read(sha256)
        if content is None:
            raise DocumentLost(f"document {sha256} is not in the store")
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DocumentLost(f"document {sha256}: its bytes no longer match their hash")
        return content

    def documents(self) -> Iterator[StoredDocument]:
        """Everything there that is named like a document. Raises OSError."""
        try:
            for batch in obstore.list(self._store):
                for found in batch:
                    name = str(found["path"]).rpartition("/")[2]
                    if _SHA256.fullmatch(name) and str(found["path"]).endswith(_key(name)):
                        written: datetime = found["last_modified"]
                        yield StoredDocument(sha256=name, size=int(found["size"]), written_at=written)
        except (BaseError, OSError) as error:
            raise _trouble(error) from None

    def remove(self, *, sha256: str) -> None:
        """Gone when it returns; one that is not there is no error. Raises OSError."""
        try:
            obstore.delete(self._store, _key(sha256))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _trouble(error) from None

    def mark(self, *, name: str, content: bytes) -> bytes | None:
        """None: the mark is now there. Otherwise what the mark there says. Raises OSError, ValueError (no SHA-256).

        Needs a server that knows `If-None-Match: *` on PUT, as Amazon's does since 2024, MinIO and Ceph too.
        """
        if not _SHA256.fullmatch(name):
            raise ValueError("a mark is named by a SHA-256")
        key = f"{_MARKS}/{name[:2]}/{name}"
        try:
            obstore.put(self._store, key, content, mode="create")
        except AlreadyExistsError:
            there = self._bytes(key)
            return None if there == content else there  # ours: its answer was lost and it was put again
        except (BaseError, OSError) as error:
            raise _trouble(error) from None
        return None

    def _read(self, sha256: str) -> bytes | None:
        return self._bytes(_key(sha256))

    def _bytes(self, key: str) -> bytes | None:
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except FileNotFoundError:
            self._require_bucket()  # without it every document would seem lost
            return None
        except (BaseError, OSError) as error:
            raise _trouble(error) from None

    def _require_bucket(self) -> None:
        try:
            next(iter(obstore.list(self._store, chunk_size=1)), None)
        except (BaseError, OSError) as error:
            raise _trouble(error) from None


def _key(sha256: str) -> str:
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def _trouble(error: Exception) -> OSError:
    """The library's message holds the address asked, and the server's answer: only its kind is told."""
    kind = type(error).__name__.removesuffix("Error") or "unknown"
    return OSError(errno.EIO, f"the object store did not do it ({kind})")
