"""A real S3 server on a socket (moto's), with one bucket."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "factor-documents"
REGION = "eu-north-1"


class ObjectServer:
    """`read` and `write` go behind the worker's back."""

    def __enter__(self) -> Self:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.url = f"http://{host}:{port}"
        self._client: Any = boto3.client(
            "s3", endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
        )
        self._make_bucket()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._server.stop()

    def read(self, key: str) -> bytes | None:
        try:
            return self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None

    def write(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def hide(self) -> None:
        """The bucket is away: every request for it is answered with an error, until `show`."""
        self._kept = {key: self.read(key) for key in self._keys()}
        for key in self._kept:
            self._client.delete_object(Bucket=BUCKET, Key=key)
        self._client.delete_bucket(Bucket=BUCKET)

    def show(self) -> None:
        self._make_bucket()
        for key, content in self._kept.items():
            self.write(key, content or b"")

    def _keys(self) -> list[str]:
        found: list[dict[str, Any]] = self._client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return [one["Key"] for one in found]

    def _make_bucket(self) -> None:
        # All of moto's servers in a process keep one set of buckets.
        with suppress(self._client.exceptions.BucketAlreadyOwnedByYou):
            self._client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
