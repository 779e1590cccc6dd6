"""A real kube-apiserver on a real etcd, for tests: no scheduler, no controllers, no kubelet, so objects stay as set.

What a kubelet or a controller would write, a test writes through the status subresource.
"""

import json
import ssl
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from e2e.processes import LOOPBACK, Command, Program, free_port, start
from e2e.tools import tool
from exporter.rights import RIGHTS, rules

Object = Mapping[str, Any]
_ADMIN_TOKEN: Final = "admin-token"  # noqa: S105  # of a server that lives as long as a test
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
_SERVER_OWNED: Final = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


class Cluster:
    """One API server and its etcd in `folder`; `start` before use and `stop` after."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"https://{LOOPBACK}:{free_port()}"
        self.ca = folder / "certs" / "apiserver.crt"
        self.key = folder / "sa.key"  # signs the tokens of service accounts
        self._etcd_url = f"http://{LOOPBACK}:{free_port()}"
        self._programs: dict[str, Program] = {}

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig of the administrator."""
        return self.kubeconfig_of(_ADMIN_TOKEN)

    def start(self) -> None:
        """Start both and wait until they are ready."""
        self._write_credentials()
        peer = f"http://{LOOPBACK}:{free_port()}"
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
        issuer = "https://kubernetes.default.svc"
        self._run(
            "kube-apiserver",
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self.url.rpartition(':')[2]}",
            f"--cert-dir={self.ca.parent}",
            "--service-cluster-ip-range=10.96.0.0/16",
            f"--service-account-issuer={issuer}",
            f"--service-account-signing-key-file={self.key}",
            f"--service-account-key-file={self.key}",
            f"--api-audiences={issuer}",
            "--authorization-mode=RBAC",
            "--allow-privileged=true",  # as every distribution has it: who may is for Pod Security to say
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--endpoint-reconciler-type=none",
            "--shutdown-watch-termination-grace-period=1s",  # without it, one open watch holds the exit up for a minute
        )
        try:
            self._programs["kube-apiserver"].wait_until(self._is_ready, within=_READY_SECONDS)
        except AssertionError:
            self.stop()
            raise

    def stop_apiserver(self) -> None:
        """Stop the API server alone."""
        self._end("kube-apiserver")

    def compact(self) -> None:
        """Make etcd forget every revision before this one, as it does every five minutes in a real cluster."""
        status = _check(httpx.post(f"{self._etcd_url}/v3/maintenance/status", json={})).json()
        body = {"revision": status["header"]["revision"], "physical": True}
        _check(httpx.post(f"{self._etcd_url}/v3/kv/compaction", json=body))

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
        said = {name: value for name, value in status.items() if name != "qosClass"}  # the server's own, of the spec
        body = {"apiVersion": one["apiVersion"], "kind": one["kind"], "status": said}
        _check(self.request("PATCH", f"{_path(one)}/status?fieldManager=status&force=true", body))

    def delete(self, one: Object, *, grace_seconds: int = 0) -> None:
        """Delete an object, at once unless it has a grace: there is no kubelet to end it."""
        _check(self.request("DELETE", f"{_path(one)}?gracePeriodSeconds={grace_seconds}"))

    def bind(self, pod: Object, node: str) -> None:
        """Give a pod its node, as a scheduler would."""
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        names = {one: pod["metadata"][one] for one in ("namespace", "name")}  # no version: it may have gone on
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": names, "target": target}
        _check(self.request("POST", f"{_path(pod)}/binding", binding))

    def is_refused(self, one: Object) -> bool:
        """Whether admission would refuse to make this object; it is not made."""
        where = _path(one).rpartition("/")[0]
        return self.request("POST", f"{where}?dryRun=All", one).status_code in {403, 422}

    def objects(self, path: str) -> list[dict[str, Any]]:
        """Return the objects of a collection, whole."""
        found: dict[str, Any] = _check(self.request("GET", path)).json()
        named = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
        return [{**named, **one} for one in found["items"]]

    def account(self, namespace: str, name: str) -> str:
        """Return a token of a new service account that has no right."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name}}
        self.apply([account])
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        token: str = _check(self.request("POST", f"{_path(account)}/token", asked)).json()["status"]["token"]
        return token

    def grant_watcher(self, namespace: str, name: str) -> None:
        """Let a service account list and watch everywhere what the watcher needs, and nothing else."""
        self.grant(namespace, name, rules(RIGHTS))

    def grant(self, namespace: str, name: str, rules: Iterable[Object], *, within: str = "") -> None:
        """Give a service account these rights, and only these: in the namespace `within`, or everywhere."""
        group = "rbac.authorization.k8s.io"
        kind = "Role" if within else "ClusterRole"
        where = {"namespace": within} if within else {}
        role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": name, **where}, "rules": list(rules)}
        binding = {
            "apiVersion": f"{group}/v1",
            "kind": f"{kind}Binding",
            "metadata": {"name": name, **where},
            "roleRef": {"apiGroup": group, "kind": kind, "name": name},
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
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        (self.folder / "tokens.csv").write_text(f'{_ADMIN_TOKEN},admin,admin-uid,"system:masters"\n')

    def _run(self, name: str, *flags: str) -> None:
        self._programs[name] = start(Command(name=name, line=[tool(name), *flags], directory=self.folder))

    def _is_ready(self) -> bool:
        try:
            return self.request("GET", "/readyz").status_code == 200
        except (httpx.TransportError, OSError):  # OSError: it has not written its certificate yet
            return False

    def _end(self, name: str) -> None:
        program = self._programs.pop(name, None)
        if program is not None:
            program.stop(within=_STOP_SECONDS)


def _path(one: Object) -> str:
    group = one["apiVersion"]
    root = f"/apis/{group}" if "/" in group else f"/api/{group}"
    namespace = one["metadata"].get("namespace")
    where = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{where}/{_plural(one['kind'].lower())}/{one['metadata']['name']}"


def _plural(kind: str) -> str:
    if kind.endswith("y"):
        return f"{kind.removesuffix('y')}ies"
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


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
