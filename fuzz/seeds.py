#!/usr/bin/env python3
"""Makes Avro seeds out of the golden records with schemas; needs fastavro:

    "$(ops/setup/python.sh)/bin/python" fuzz/seeds.py

A schema of Kafka Connect becomes the Avro that a converter makes of it, and its values are written
by fastavro. Schemas go to fuzz/schemas (the first is id 1), records to fuzz/corpus.
"""

import base64
import io
import json
import pathlib
import re

import fastavro

FUZZ = pathlib.Path(__file__).parent
GOLDEN = FUZZ.parent / "crates" / "decode" / "tests" / "data"
TYPES = {"int8": "int", "int16": "int", "int32": "int", "int64": "long", "float32": "float",
         "float": "float", "float64": "double"}
DECIMAL = "org.apache.kafka.connect.data.Decimal"

# What no connector sends: a column of every type of the contract, and types that nest.
NODE = {"type": "record", "name": "Node", "fields": [
    {"name": "no", "type": ["null", "int", "string", "double"]},
    {"name": "next", "type": ["null", "Node"]}]}
EVERY = {"type": "record", "name": "Every", "fields": [
    {"name": "account_no", "type": "string"},
    {"name": "meter_no", "type": "long"},
    {"name": "name", "type": ["null", "string"]},
    {"name": "opened", "type": ["null", {"type": "int", "logicalType": "date"}]},
    {"name": "note", "type": ["null", {"type": "map", "values": ["null", "float", "string"]}]},
    {"name": "area", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 14,
                                       "scale": 2}]},
    {"name": "rooms", "type": ["int", "null"]},
    {"name": "rate", "type": ["null", "double"]},
    {"name": "ok", "type": "boolean"},
    {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
    {"name": "sex", "type": {"type": "enum", "name": "Sex", "symbols": ["_0", "_1", "_2"]}},
    {"name": "id", "type": ["null", {"type": "fixed", "name": "Code", "size": 4}]},
    {"name": "phone", "type": {"type": "array", "items": "string"}},
    {"name": "address", "type": ["null", NODE]},
    {"name": "floor", "type": ["null", {"type": "array", "items": "Node"}]}]}
EVERY_ROWS = {
    "full": {"account_no": "0230007", "meter_no": 17, "name": "王大锤", "opened": 18359,
             "note": {"电": 0.5, "水": None, "a\"b": "\\"}, "area": b"\x1f\x59", "rooms": 3, "rate": -2.5,
             "ok": True, "at": 1_586_219_400_123_456, "sex": "_1", "id": b"\x00\x01\xfe\xff",
             "phone": ["13883000000", ""], "address": {"no": 5, "next": {"no": "x", "next": None}},
             "floor": [{"no": 1.5, "next": None}, {"no": None, "next": None}]},
    "empty": {"account_no": "", "meter_no": -(2**63), "name": None, "opened": None, "note": None,
              "area": None, "rooms": None, "rate": None, "ok": False, "at": None, "sex": "_0",
              "id": None, "phone": [], "address": None, "floor": None},
}


def in_avro(name):
    return re.sub("[^A-Za-z0-9_]", lambda found: f"_u{ord(found[0]):04x}", name)


def avro_type(schema, named):
    """A type of Kafka Connect in Avro; a record is written once and then named."""
    kind, name = schema["type"], schema.get("name")
    if kind == "struct":
        full = ".".join(in_avro(part) for part in name.split("."))
        if full in named:
            made = full
        else:
            named.add(full)
            fields = [{"name": in_avro(field["field"]), "type": avro_type(field, named)}
                      for field in schema["fields"]]
            made = {"type": "record", "name": full, "connect.name": name, "fields": fields}
    elif kind == "array":
        made = {"type": "array", "items": avro_type(schema["items"], named)}
    else:
        made = {"type": TYPES.get(kind, kind)}
        if name:
            made["connect.name"] = name
        if name == DECIMAL:
            scale = int(schema["parameters"]["scale"])
            precision = int(schema["parameters"].get("connect.decimal.precision", 38))
            made |= {"logicalType": "decimal", "scale": scale, "precision": precision}
    return ["null", made] if schema.get("optional") else made


def avro_value(schema, value):
    """A value as the JSON converter wrote it, as fastavro takes it."""
    if value is None:
        return None
    match schema["type"]:
        case "struct":
            return {in_avro(field["field"]): avro_value(field, value.get(field["field"]))
                    for field in schema["fields"]}
        case "array":
            return [avro_value(schema["items"], item) for item in value]
        case "bytes":
            return base64.b64decode(value)
        case _:
            return value


def plain(schema):
    """The schema without logical types: fastavro would convert values by them."""
    if isinstance(schema, dict):
        return {key: plain(value) for key, value in schema.items() if key != "logicalType"}
    return [plain(item) for item in schema] if isinstance(schema, list) else schema


def encoded(schema, number, value):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain(schema)), value)
    return b"\0" + number.to_bytes(4) + out.getvalue()


def golden():
    """Name, schema and payload of every recorded or documented value that has a schema."""
    account = json.loads((GOLDEN / "create_with_schema.json").read_text())["schema"]
    for path in sorted(GOLDEN.glob("*.json")):
        value = json.loads(path.read_text())
        if "payload" in value:
            yield path.stem, value["schema"], value["payload"]
        elif value.get("source", {}).get("connector") == "postgresql":
            yield path.stem, account, value
    for number, line in enumerate((GOLDEN / "debezium" / "postgres-schema.ndjson").open()):
        value = json.loads(line)["value"]
        if value:
            yield f"captured_{number}", value["schema"], value["payload"]


def main():
    schemas = {"debezium_avro": [], "confluent_avro": [EVERY]}
    seeds = {("confluent_avro", name): (EVERY, row) for name, row in EVERY_ROWS.items()}
    for name, connect, payload in golden():
        envelope = avro_type(connect, set())
        try:
            encoded(envelope, 1, avro_value(connect, payload))
        except (ValueError, TypeError, AttributeError):
            continue  # A control record that the schema of the table does not describe.
        seeds["debezium_avro", name] = (envelope, avro_value(connect, payload))
        after = next((f for f in connect["fields"] if f["field"] == "after"), None)
        if after and payload.get("after"):
            row = avro_type(after | {"optional": False}, set())
            seeds["confluent_avro", name] = (row, avro_value(after, payload["after"]))
    written = set()
    for (target, name), (schema, value) in seeds.items():
        is_new = name == "full" or schema not in schemas[target]
        if schema not in schemas[target]:
            schemas[target].append(schema)
        record = encoded(schema, schemas[target].index(schema) + 1, value)
        if record in written:
            continue
        written.add(record)
        if len(record) < 4096:
            (FUZZ / "corpus" / target / f"{name}.avro").write_bytes(record)
        with_schema = json.dumps(schema, separators=(",", ":")).encode() + b"\0" + record[5:]
        if is_new and len(with_schema) < 4096:
            (FUZZ / "corpus" / "avro_schema" / f"{target}_{name}.avro").write_bytes(with_schema)
    for target, held in schemas.items():
        text = ",\n".join(json.dumps(schema) for schema in held)
        (FUZZ / "schemas" / f"{target}.json").write_text(f"[{text}]\n")


if __name__ == "__main__":
    main()
