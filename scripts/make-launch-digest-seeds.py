#!/usr/bin/env python3
"""Writes seeds for FuzzLaunchDigest into a folder: firmware images that have nothing but tables, and digests as
`kbs measure --explain --json` writes them. scripts/fuzz runs it."""

import json
import struct
import sys
import uuid

SECTIONS = [(0x800000, 3, 1), (0x803000, 1, 2), (0x804000, 1, 3), (0x805000, 1, 4), (0x806000, 1, 0x10), (0x807000, 2, 1)]
RESET = ("00f771de-1a7e-4fcb-890e-68c77e2fb44e", struct.pack("<I", 0x901234))
HASHES = ("7255371f-3a3b-4b04-927b-1da6efa8d454", struct.pack("<II", 0x806C00, 0x400))
NO_HASHES = (HASHES[0], bytes(8))
SECRET = ("4c2eb361-7d9b-4cc3-8081-127c90d3d294", struct.pack("<II", 0x806000, 0xC00))


def block(guid, data):
    return data + struct.pack("<H", len(data) + 18) + uuid.UUID(guid).bytes_le


def firmware(sections, blocks):
    """The end of an image: the metadata, the table of GUIDs and 32 bytes."""
    metadata = b"ASEV" + struct.pack("<III", 16 + 12 * len(sections), 1, len(sections))
    metadata += b"".join(struct.pack("<III", address, pages * 4096, kind) for address, pages, kind in sections)
    place = ("dc886566-984a-4798-a75e-5585a7bf67cc", bytes(4))
    size = sum(len(block(*entry)) for entry in [place] + blocks) + 18
    place = (place[0], struct.pack("<I", len(metadata) + size + 32))
    table = b"".join(block(*entry) for entry in [place] + blocks)
    footer = struct.pack("<H", size) + uuid.UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
    return metadata + table + footer + bytes(32)


def digest(number, page_type):
    region = {"name": "firmware", "size": 4096, "digest_after": "ab", "details": {"rdx": hex(number)}}
    region |= {"page_type": page_type, "address": "0xfffff000", "contents": "cd"}
    return {
        "digest": f"{number:02x}" * 48, "technology": "snp", "vmm": "qemu", "vcpus": number, "cpu": "EPYC",
        "inputs": {"firmware": {"sha256": "ef" * 32, "size": 4096}, "command_line": "quiet"},
        "regions": [region, region | {"digest_after": f"{number:02x}"}],
    }


SEEDS = {
    "whole": firmware(SECTIONS, [SECRET, HASHES, RESET]),
    "no-kernel": firmware(SECTIONS[:4], [NO_HASHES, RESET]),
    "one-vcpu": firmware(SECTIONS, [HASHES]),
    "unknown-section": firmware(SECTIONS + [(0x810000, 1, 7)], [HASHES, RESET]),
    "no-sections": firmware([], [RESET]),
    "digests": json.dumps([digest(1, "NORMAL"), digest(2, "NORMAL"), digest(2, "ZERO")]).encode(),
}

for name, seed in SEEDS.items():
    with open(f"{sys.argv[1]}/{name}", "wb") as file:
        file.write(seed)
