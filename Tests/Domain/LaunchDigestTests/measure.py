"""Computes launch digests with sev-snp-measure, which is not ours: one JSON request on standard input, one JSON answer on
standard output. scripts/make-jose-environment installs what it imports."""

import json
import sys

from sevsnpmeasure import guest, vcpu_types
from sevsnpmeasure.sev_mode import SevMode
from sevsnpmeasure.vmm_types import VMMType


def digest(case):
    return guest.calc_launch_digest(
        SevMode.from_str(case["mode"]),
        case["vcpus"],
        case["signature"],
        case["firmware"],
        case.get("kernel"),
        case.get("initrd"),
        case.get("append"),
        case["features"],
        vmm_type=VMMType[case["vmm"]],
    ).hex()


def measure(request):
    return {"digests": [digest(case) for case in request["cases"]]}


def models(request):
    return {"models": vcpu_types.CPU_SIGS}


if __name__ == "__main__":
    request = json.load(sys.stdin)
    json.dump({"measure": measure, "models": models}[request["command"]](request), sys.stdout)
