"""Tokens, as a real API server judges them: who may get the page by RBAC gets it, and nobody else does."""

from functools import partial
from pathlib import Path
from typing import Final

import httpx
import pytest

from e2e.cluster import Cluster
from e2e.node import exporter, serve_command
from e2e.test_rights import account_with
from e2e.waiting import eventually
from exporter.rights import REVIEWS, RIGHTS, Right, rules

pytestmark = pytest.mark.real

_SOON: Final = 20.0
_SCRAPER: Final = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]


def _status(url: str, token: str, path: str = "/metrics") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(url + path, headers=headers, timeout=10, trust_env=False).status_code


def test_who_may_get_the_page_by_rbac_gets_it(cluster: Cluster, tmp_path: Path) -> None:
    """A scraper's account is let in to what it may get; one without a right, a made-up token and nobody are not."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "review"}}
    cluster.apply([namespace])
    tokens = {name: cluster.account("review", name) for name in ("reviewer", "scraper", "stranger")}
    cluster.grant("review", "reviewer", rules([*RIGHTS, *REVIEWS]))
    cluster.grant("review", "scraper", _SCRAPER)
    kubernetes = {"kubeconfig": str(cluster.kubeconfig_of(tokens["reviewer"]))}
    line = serve_command({"kubernetes": kubernetes, "web": {"token_review": True}}, tmp_path, "--role", "cluster")
    with exporter(line, tmp_path, {}) as serving:
        eventually(partial(_status, serving.url, tokens["scraper"]), 200, within=_SOON, what="the scraper")
        assert _status(serving.url, tokens["scraper"], "/status.json") == 401
        assert [_status(serving.url, token) for token in (tokens["stranger"], "made-up", "")] == [401, 401, 401]
        assert [_status(serving.url, "", path) for path in ("/healthz", "/readyz")] == [200, 200]


@pytest.mark.parametrize("missing", REVIEWS, ids=lambda right: f"without {right.resource}")
def test_without_either_right_nobody_is_let_in(cluster: Cluster, tmp_path: Path, missing: Right) -> None:
    """Both are needed; a token that cannot be judged is not taken for a bad one."""
    cluster.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rights"}}])
    rest = [right for right in (*RIGHTS, *REVIEWS) if right != missing]
    token = account_with(cluster, f"without-{missing.resource}", rest)
    kubernetes = {"kubeconfig": str(cluster.kubeconfig_of(token))}
    line = serve_command({"kubernetes": kubernetes, "web": {"token_review": True}}, tmp_path, "--role", "cluster")
    with exporter(line, tmp_path, {}) as serving:
        assert _status(serving.url, token) == 503
