"""Holds the files for Kubernetes and compose against schemas, and against what they must agree on with the program."""

import os
import pathlib
import re
import sys

import kubernetes_validate
import yaml

variables = set(re.findall(r"`(KBS_[A-Z_]+)`", pathlib.Path(sys.argv[1]).read_text())) | {"KBS_CONFIG"}
problems = []


def expect(condition, where, what):
    if not condition:
        problems.append(f"{where}: {what}")


def check_environment(names, where):
    for name in names:
        # KBS_NAME is for the scripts beside compose.yaml.
        known = name in variables or not name.startswith("KBS_") or (name == "KBS_NAME" and "compose" in where)
        expect(known, where, f"{name} is no setting")
        expect(not re.search(r"PASSWORD$|SECRET|TOKEN$", name), where, f"{name}: secrets are given as files")


def check_pod(pod, where):
    context = pod.get("securityContext", {})
    expect(context.get("runAsNonRoot") is True, where, "runAsNonRoot")
    expect(context.get("seccompProfile", {}).get("type") == "RuntimeDefault", where, "seccompProfile")
    expect(pod.get("automountServiceAccountToken") is False, where, "automountServiceAccountToken")
    expect(pod.get("enableServiceLinks") is False, where, "enableServiceLinks")
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in pod["containers"]:
        inner = container["securityContext"]
        expect(inner.get("allowPrivilegeEscalation") is False, where, "allowPrivilegeEscalation")
        expect(inner.get("readOnlyRootFilesystem") is True, where, "readOnlyRootFilesystem")
        expect(inner.get("capabilities", {}).get("drop") == ["ALL"], where, "capabilities")
        for bounded in ("memory", "ephemeral-storage"):
            expect(bounded in container["resources"]["limits"], where, f"limits.{bounded}")
        check_environment([variable["name"] for variable in container.get("env", [])], where)
        for mount in container["volumeMounts"]:
            expect(mount["name"] in volumes, where, f"there is no volume {mount['name']}")


def check_kubernetes(folder):
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    labels, selectors = [], []
    for name in kustomization["resources"] + [file for one in kustomization["configMapGenerator"] for file in one["files"]]:
        expect((folder / name).exists(), "kustomization.yaml", f"there is no {name}")
    for file in sorted(folder.glob("*.yaml")):
        if file.name == "kustomization.yaml":
            continue
        for resource in yaml.safe_load_all(file.read_text()):
            where = f"{file}, {resource['kind']}"
            try:
                kubernetes_validate.validate(resource, "1.30", strict=True)
                kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)
            except kubernetes_validate.ValidationError as error:
                expect(False, where, error.message)
            spec = resource.get("spec", {})
            if "template" in spec:
                labels.append(spec["template"]["metadata"]["labels"])
                check_pod(spec["template"]["spec"], where)
            selector = spec.get("podSelector") or spec.get("selector")
            if selector:
                selectors.append((where, selector.get("matchLabels", selector)))
    for where, selector in selectors:
        expect(any(selector.items() <= one.items() for one in labels), where, "it selects no pod")


def check_compose(file):
    composition = yaml.safe_load(file.read_text())
    used, build = set(), composition["x-kbs"]["build"]
    recipe = file.parent / build["context"] / build["dockerfile"]
    expect(pathlib.Path(os.path.normpath(recipe)).exists(), file, f"there is no {build['dockerfile']}")
    for name, service in composition["services"].items():
        where = f"{file}, {name}"
        expect(service.get("read_only") is True, where, "read_only")
        expect(service.get("cap_drop") == ["ALL"], where, "cap_drop")
        expect(service.get("security_opt") == ["no-new-privileges:true"], where, "no-new-privileges")
        expect(service.get("build", build) == build, where, "the image is built in another way")
        expect("healthcheck" in service, where, "healthcheck")
        expect("max-size" in service.get("logging", {}).get("options", {}), where, "a log without a bound")
        check_environment(service.get("environment", {}), where)
        for network in service.get("networks", []):
            expect(network in composition["networks"], where, f"there is no network {network}")
        for other in service.get("depends_on", {}):
            expect(other in composition["services"], where, f"there is no service {other}")
        for volume in service["volumes"]:
            if volume["type"] == "bind":
                expect((file.parent / volume["source"]).exists(), where, f"there is no {volume['source']}")
            else:
                used.add(volume["source"])
    expect(used == set(composition["volumes"]), file, "volumes that are declared and that are used differ")


check_kubernetes(pathlib.Path("packaging/kubernetes"))
check_compose(pathlib.Path("packaging/compose/compose.yaml"))
for problem in problems:
    print(problem, file=sys.stderr)
sys.exit(1 if problems else 0)
