"""The schema registry that ops/setup starts, and messages as its producers write them."""

import io
import json
import struct
import urllib.request

import fastavro

from services import Service


class SchemaRegistry(Service):
    scripts = "registry"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/apis/ccompat/v7"

    def register(self, subject, schema, references=()):
        """The id of a schema under a subject of the registry."""
        body = {"schema": json.dumps(schema), "references": list(references)}
        request = urllib.request.Request(
            f"{self.url}/subjects/{subject}/versions",
            json.dumps(body).encode(),
            {"Content-Type": "application/vnd.schemaregistry.v1+json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["id"]


def message(schema_id, schema, value):
    """A value behind the magic byte and the id of its schema."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return struct.pack(">bI", 0, schema_id) + out.getvalue()
