#!/usr/bin/env python3
"""Verifies an export of the audit trail (kbs audit export) without kbs: docs/audit.md has the format.

    verify-trail.py TRAIL [CHECKPOINTS [PUBLIC_KEY_HEX]]

Signatures need the package `cryptography` (Debian: python3-cryptography) and the key that is trusted. Exits with 1 when
the trail is not what it was.
"""
import hashlib
import json
import struct
import sys
from datetime import datetime


def chain(path):
    """The hash after each record, from the first."""
    hashes = [bytes(32)]
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        entry = json.loads(line)
        body = b"swift-kbs audit 1\n" + hashes[-1] + struct.pack(">Q", number) + entry["record"].encode()
        hashes.append(hashlib.sha256(body).digest())
        if entry["sequence"] != number or entry["hash"] != hashes[-1].hex():
            sys.exit(f"record {number} is not what was written: {entry['record'][:200]}")
    return hashes


def check(path, hashes, key):
    """Each checkpoint against the chain, and against the key if there is one."""
    count = 0
    for line in open(path, encoding="utf-8"):
        point = json.loads(line)
        number, digest = point["sequence"], bytes.fromhex(point["hash"])
        if key:
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

            seconds = int(datetime.fromisoformat(point["time"].replace("Z", "+00:00")).timestamp())
            signed = b"swift-kbs checkpoint 1\n" + struct.pack(">Q", number) + digest + struct.pack(">q", seconds)
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(bytes.fromhex(point["signature"]), signed)
            except Exception:
                sys.exit(f"the checkpoint of {point['time']} is not signed by this key")
        if number >= len(hashes):
            sys.exit(f"the trail ends at record {len(hashes) - 1}, and the checkpoint of {point['time']} has {number}")
        if hashes[number] != digest:
            sys.exit(f"the checkpoint of {point['time']} has another record {number}: the trail was rewritten")
        count += 1
    return count


if len(sys.argv) not in (2, 3, 4):
    sys.exit(__doc__)
found = chain(sys.argv[1])
key = bytes.fromhex(sys.argv[3]) if len(sys.argv) > 3 else None
points = check(sys.argv[2], found, key) if len(sys.argv) > 2 else 0
print(f"intact: {len(found) - 1} records, {points} checkpoints" + ("" if key or not points else ", signatures not looked at"))
