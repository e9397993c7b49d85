"""Writes the bill of materials of the binary, as CycloneDX 1.5 in JSON, on standard output.

    python3 ops/sbom.py > huiliu.cdx.json
    python3 ops/sbom.py --target aarch64-unknown-linux-gnu > huiliu.cdx.json

It lists what is compiled into `huiliu` for one target, or runs while it is compiled (build scripts,
macros: scope `excluded`), as Cargo.lock pins it; what only tests use is not in it. Digests are those
of Cargo.lock. The same tree gives the same bytes: the serial number follows from the content, and a
time is there only where SOURCE_DATE_EPOCH names one. Libraries of the system that the binary is
linked with (OpenSSL, zlib) belong to the image, not to this list.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import uuid

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
ROOT = "huiliu"
TARGET = "x86_64-unknown-linux-gnu"
# Libraries in C that a crate carries in its sources and compiles: the crate's build metadata
# (`4.10.0+2.12.1`) names the version of what is inside.
CARRIED = {"rdkafka-sys": "librdkafka", "zstd-sys": "zstd", "libz-sys": "zlib"}


def metadata(target):
    """What cargo resolves for a target, from Cargo.lock as it is."""
    done = subprocess.run(
        [
            "cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target,
        ],
        cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit("ops/sbom.py: cargo metadata failed, see above")
    return json.loads(done.stdout)


def digests():
    """`{(name, version): SHA-256}` of Cargo.lock; packages of the workspace have none."""
    lock = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())
    return {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}


def compiled(target, edges):
    """`{(name, version)}` that cargo compiles over some edges. The graph of `cargo metadata` is
    wider: it follows features of dependencies that are not there."""
    done = subprocess.run(
        [
            "cargo", "tree", "--locked", "--package", ROOT, "--edges", edges, "--target", target,
            "--prefix", "none", "--format", "{p}",
        ],
        cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit("ops/sbom.py: cargo tree failed, see above")
    return set(re.findall(r"^(\S+) v(\S+)", done.stdout, re.MULTILINE))


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version'].replace('+', '%2B')}"


def component(package, checksum, compiled_in):
    made = {
        "type": "application" if package["name"] == ROOT else "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "scope": "required" if compiled_in else "excluded",
        "purl": purl(package),
    }
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["license"]:
        # Before SPDX expressions a slash meant "or".
        made["licenses"] = [{"expression": re.sub(" */ *", " OR ", package["license"])}]
    elif package["license_file"]:
        made["licenses"] = [{"license": {"name": package["license_file"]}}]
    if package["description"]:
        made["description"] = " ".join(package["description"].split())
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    if package["name"] in CARRIED:
        version = package["version"].partition("+")[2]
        made["components"] = [
            {"type": "library", "bom-ref": f"{purl(package)}#{CARRIED[package['name']]}",
             "name": CARRIED[package["name"]]} | ({"version": version} if version else {}),
        ]  # fmt: skip
    return made


def bill(target):
    found, checksums = metadata(target), digests()
    packages = {(p["name"], p["version"]): p for p in found["packages"]}
    keys = {p["id"]: key for key, p in packages.items()}
    edges = {keys[node["id"]]: node["deps"] for node in found["resolve"]["nodes"]}
    listed = compiled(target, "normal,build")
    runs = compiled(target, "normal,no-proc-macro")
    [root] = [key for key in listed if key[0] == ROOT]

    def told(key):
        return component(packages[key], checksums[key], key in runs)

    def needs(key):
        counted = [d for d in edges[key] if any(k["kind"] != "dev" for k in d["dep_kinds"])]
        return {keys[d["pkg"]] for d in counted} & listed

    dependencies = [
        {"ref": purl(packages[key]), "dependsOn": sorted(purl(packages[n]) for n in needs(key))}
        for key in sorted(listed)
    ]
    about = {
        "tools": {"components": [{"type": "application", "name": "ops/sbom.py"}]},
        "component": told(root),
        "properties": [{"name": "cargo:target", "value": target}],
    }
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        at = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC)
        about["timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    content = {
        "metadata": about,
        "components": [told(key) for key in sorted(listed - {root})],
        "dependencies": dependencies,
    }
    serial = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()[:16]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=serial, version=4)}",
        "version": 1,
    } | content


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default=TARGET, help="target of the binary")
    json.dump(bill(parser.parse_args(arguments).target), sys.stdout, ensure_ascii=False, indent=1)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
