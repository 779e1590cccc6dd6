"""A real kube-apiserver on a real etcd, for tests: no scheduler, no controllers, no kubelet, so objects stay as set.

What a kubelet or a controller would write, a test writes through the status subresource.
"""

import json
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

Object = Mapping[str, Any]
_ADMIN_TOKEN: Final = "admin-token"  # noqa: S105  # of a server that lives as long as a test
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_BUILD: Final = Path(__file__).parents[1] / "tools" / "build.py"
_SERVER_OWNED: Final = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_WATCHER_RULES: Final = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list", "watch"]},
)


class Cluster:
    """One API server and its etcd in `folder`; `start` before use and `stop` after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"https://127.0.0.1:{_free_port()}"
        self.ca = folder / "certs" / "apiserver.crt"
        self._etcd_url = f"http://127.0.0.1:{_free_port()}"
        self._bin = _find_binaries()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of the administrator."""
        return self.kubeconfig_of(_ADMIN_TOKEN)

    def start(self) -> None:
        """Start both and wait until they are ready."""
        self._write_credentials()
        peer = f"http://127.0.0.1:{_free_port()}"
        self._run(
            "etcd",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        )
        self.start_apiserver()

    def start_apiserver(self) -> None:
        """Start the API server alone, as after its restart."""
        key = self.folder / "sa.key"
        issuer = "https://kubernetes.default.svc"
        self._run(
            "kube-apiserver",
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.url.rpartition(':')[2]}",
            f"--cert-dir={self.ca.parent}",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-issuer={issuer}",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            f"--api-audiences={issuer}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--endpoint-reconciler-type=none",
            "--shutdown-watch-termination-grace-period=1s",  # without it, one open watch holds the exit up for a minute
        )
        self._wait_until_ready()

    def stop_apiserver(self) -> None:
        """Stop the API server alone."""
        self._end("kube-apiserver")

    def stop(self) -> None:
        """Stop the API server, then etcd: the other way round it would hold its port for long."""
        self._end("kube-apiserver")
        self._end("etcd")

    def request(self, method: str, path: str, body: object = None, *, token: str = _ADMIN_TOKEN) -> httpx.Response:
        """Send one request as the administrator, or as the owner of `token`."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": _content_type(method)}
        content = None if body is None else json.dumps(body)
        with httpx.Client(verify=ssl.create_default_context(cafile=str(self.ca)), timeout=15) as client:
            return client.request(method, f"{self.url}{path}", content=content, headers=headers)

    def apply(self, objects: Iterable[Object]) -> None:
        """Make the objects so, their status too; one with a deletion time is deleted and stays terminating."""
        for one in objects:
            _check(self.request("PATCH", f"{_path(one)}?fieldManager=tests&force=true", _without_server_fields(one)))
            if one["kind"] == "Namespace":
                self.apply([_default_account(one["metadata"]["name"])])
            if "status" in one:
                self.patch_status(one, one["status"])
            if "deletionTimestamp" in one["metadata"]:
                self.delete(one, grace_seconds=one["metadata"].get("deletionGracePeriodSeconds", 30))

    def patch_status(self, one: Object, status: Object) -> None:
        """Write the status of an object, as its kubelet or controller would."""
        body = {"apiVersion": one["apiVersion"], "kind": one["kind"], "status": status}
        _check(self.request("PATCH", f"{_path(one)}/status?fieldManager=status&force=true", body))

    def delete(self, one: Object, *, grace_seconds: int = 0) -> None:
        """Delete an object, at once unless it has a grace: there is no kubelet to end it."""
        _check(self.request("DELETE", f"{_path(one)}?gracePeriodSeconds={grace_seconds}"))

    def account(self, namespace: str, name: str) -> str:
        """Return a token of a new service account that has no right."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}
        self.apply([account])
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        token: str = _check(self.request("POST", f"{_path(account)}/token", asked)).json()["status"]["token"]
        return token

    def grant_watcher(self, namespace: str, name: str) -> None:
        """Let a service account list and watch pods and Deployments everywhere, and nothing else."""
        group = "rbac.authorization.k8s.io"
        role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": _WATCHER_RULES}
        binding = {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
        }
        self.apply([role, binding])

    def kubeconfig_of(self, token: str) -> Path:
        """Return the path of a kubeconfig with this token."""
        path = self.folder / f"kubeconfig-{abs(hash(token))}"
        cluster = {"server": self.url, "certificate-authority": str(self.ca)}
        document = {
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
        }
        path.write_text(json.dumps(document))
        return path

    def _write_credentials(self) -> None:
        subprocess.run(["openssl", "genrsa", "-out", self.folder / "sa.key", "2048"], check=True, capture_output=True)
        (self.folder / "tokens.csv").write_text(f'{_ADMIN_TOKEN},admin,admin-uid,"system:masters"\n')

    def _run(self, name: str, *flags: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen([self._bin / name, *flags], stdout=log, stderr=log)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            for name, process in self._processes.items():
                if process.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]
                    self.stop()
                    raise RuntimeError(f"{name} is not ready; its log ends with:\n{log}")
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        try:
            return self.request("GET", "/readyz").status_code == 200
        except (httpx.TransportError, OSError):  # OSError: it has not written its certificate yet
            return False

    def _end(self, name: str) -> None:
        process = self._processes.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _find_binaries() -> Path:
    """Return the folder of the pinned tools; one that is missing fails the test: `make tools` builds it."""
    command = [sys.executable, str(_BUILD), "--print-bin"]
    folder = Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    missing = [name for name in ("etcd", "kube-apiserver") if shutil.which(name, path=str(folder)) is None]
    if missing:
        raise RuntimeError(f"expected {', '.join(missing)} in {folder}, found none; run: make tools")
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _path(one: Object) -> str:
    group = one["apiVersion"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    kind = one["kind"].lower()
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    namespace = one["metadata"].get("namespace")
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{where}/{plural}/{one['metadata']['name']}"


def _without_server_fields(one: Object) -> dict[str, Any]:
    metadata = {name: value for name, value in one["metadata"].items() if name not in _SERVER_OWNED}
    return {**{name: value for name, value in one.items() if name != "status"}, "metadata": metadata}


def _default_account(namespace: str) -> dict[str, Any]:
    """Return the account that a controller would make, and without which no pod is admitted."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": "default"}}


def _content_type(method: str) -> str:
    return "application/apply-patch+yaml" if method == "PATCH" else "application/json"


def _check(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise RuntimeError(f"{response.request.method} {response.request.url}: {response.status_code}: {response.text}")
    return response
