"""A small S3 client on the standard library: one connection per thread, requests signed (v4).

It is written for the race test, where what lies between the threads and the wire should be as
little as possible, and serves the other tests for listing and reading.
"""

import hashlib
import hmac
import http.client
import urllib.parse
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from datetime import datetime, UTC


@dataclass(frozen=True)
class Account:
    endpoint: str
    bucket: str
    key_id: str
    secret: str
    region: str = "us-east-1"

    def storage_options(self):
        """The names that object_store, and so deltalake, Polars and huiliu, understand."""
        return {
            "AWS_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": self.region,
            "AWS_ALLOW_HTTP": "true",
        }


class Client:
    def __init__(self, account):
        self.account = account
        host = urllib.parse.urlsplit(account.endpoint).netloc
        self.host = host
        self.connection = http.client.HTTPConnection(host, timeout=60)

    def put(self, key, body, only_new=False):
        """Status of the answer; 412 or 409 when `only_new` and the object exists."""
        headers = {"if-none-match": "*"} if only_new else {}
        return self._send("PUT", key, {}, headers, body)[0]

    def get(self, key):
        status, body = self._send("GET", key)
        if status != 200:
            raise KeyError(f"{key}: {status}")
        return body

    def list(self, prefix):
        keys, token = [], None
        while True:
            query = {"list-type": "2", "prefix": prefix}
            if token:
                query["continuation-token"] = token
            status, body = self._send("GET", "", query)
            if status != 200:
                raise KeyError(f"{prefix}: {status}")
            tree = ElementTree.fromstring(body)
            space = tree.tag[: tree.tag.index("}") + 1] if "}" in tree.tag else ""
            keys += [item.findtext(f"{space}Key") for item in tree.iter(f"{space}Contents")]
            token = tree.findtext(f"{space}NextContinuationToken")
            if not token:
                return keys

    def _send(self, method, key, query=None, headers=None, body=b""):
        path = urllib.parse.quote(f"/{self.account.bucket}/{key}".rstrip("/"), safe="/-_.~")
        canonical = urllib.parse.urlencode(
            sorted((query or {}).items()), quote_via=urllib.parse.quote, safe="-_.~"
        )
        signed = self._sign(method, path, canonical, headers or {}, body)
        self.connection.request(
            method, path + (f"?{canonical}" if canonical else ""), body or None, signed
        )
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def _sign(self, method, path, query, extra, body):
        account = self.account
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": self.host, "x-amz-content-sha256": digest, "x-amz-date": now, **extra}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        request = "\n".join([method, path, query, lines, names, digest])
        scope = f"{now[:8]}/{account.region}/s3/aws4_request"
        hashed = hashlib.sha256(request.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashed])
        key = f"AWS4{account.secret}".encode()
        for part in [now[:8], account.region, "s3", "aws4_request"]:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return headers | {
            "authorization": f"AWS4-HMAC-SHA256 Credential={account.key_id}/{scope},"
            f" SignedHeaders={names}, Signature={signature}"
        }
