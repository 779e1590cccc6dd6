"""A real kube-controller-manager beside a cluster: Deployments make pods, quotas are counted, garbage is collected.

Left out is what would touch nodes or put pods off them: a test says itself how a node is and what its kubelet does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from e2e.cluster import Cluster
from e2e.processes import LOOPBACK, Command, running
from e2e.tools import tool

_READY_SECONDS: Final = 30.0
_CONTROLLERS: Final = (
    "daemonset-controller",
    "deployment-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourceclaim-controller",
    "resourcequota-controller",
    "serviceaccount-controller",
    "statefulset-controller",
)


@contextmanager
def controllers(cluster: Cluster) -> Iterator[None]:
    """Run the controllers while the context is open; they work once it is entered."""
    line: list[str | Path] = [
        tool("kube-controller-manager"),
        f"--kubeconfig={cluster.kubeconfig}",
        f"--service-account-private-key-file={cluster.key}",
        f"--root-ca-file={cluster.ca}",
        f"--controllers={','.join(_CONTROLLERS)}",
        f"--bind-address={LOOPBACK}",
        "--secure-port=0",
        "--leader-elect=false",  # it would wait for a lease of the one before
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--min-resync-period=10m",
        "--resource-quota-sync-period=5s",
    ]
    command = Command(name="kube-controller-manager", line=line, directory=cluster.folder)
    with running(command) as program:
        program.wait_until(lambda: _has_worked(cluster), within=_READY_SECONDS)
        yield


def _has_worked(cluster: Cluster) -> bool:
    """Whether the account is there that one of them makes in each namespace."""
    path = "/api/v1/namespaces/default/serviceaccounts/default"
    return cluster.request("GET", path).status_code == 200
