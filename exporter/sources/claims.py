"""ResourceClaims and ResourceSlices (DRA), as the API server says, in the newest version that it serves.

A cluster without the group is no error that repeats: the source is `absent`, and asks again every five minutes.
"""

from collections.abc import Iterable
from typing import Final

from exporter.cluster import Claim, Dra, OfferedDevice
from exporter.config_cluster import Kubernetes
from exporter.errors import SourceError
from exporter.sources.claims_json import Slice, read_claim, read_slice
from exporter.sources.discovery import Discovery
from exporter.sources.following import Api, Following, Kept, paths, readable, stop_all, tolerant
from exporter.sources.reflector import Collection

_GROUP: Final = "/apis/resource.k8s.io"
_VERSIONS: Final = ("v1", "v1beta2", "v1beta1")  # the newest first; what came before has another shape


class ClaimsSource:
    """Finds out the version, then follows claims and slices in it, until the server serves it no longer."""

    def __init__(self, kubernetes: Kubernetes, api: Api) -> None:
        self._kubernetes = kubernetes
        self._api = api
        self._discovery = Discovery(_GROUP, _VERSIONS, api)
        self._following: Following[Dra] | None = None

    async def read(self) -> Dra:
        """Return the copy at once; only the very first answers are waited for, and not for long."""
        if self._following is None:
            self._following = follow(self._kubernetes, self._api, await self._discovery.read())
        try:
            return await self._following.read()
        except SourceError as error:
            if error.kind == "absent":
                self._start_anew(error)
            raise

    def stop(self) -> None:
        """End the threads; returns within about a second, whatever they wait for."""
        self._discovery.stop()
        stop_all([self._following] if self._following else [])

    def _start_anew(self, why: SourceError) -> None:
        """Ask for the version again, but not at once: a server that says one thing and does another stays calm."""
        if self._following is not None:
            self._following.tell_to_stop()
        self._following = None
        self._discovery = Discovery(_GROUP, _VERSIONS, self._api, why)


def follow(kubernetes: Kubernetes, api: Api, version: str) -> Following[Dra]:
    """Return what follows claims and slices in this version, not started."""
    group = f"{_GROUP}/{version}"
    read_slices: Collection[Kept[Slice]] = Collection(
        path=f"{group}/resourceslices", keep=tolerant("ResourceSlice", read_slice)
    )
    read_claims: list[Collection[Kept[Claim]]] = [
        Collection(path=path, keep=tolerant("ResourceClaim", read_claim))
        for path in paths(group, kubernetes.namespaces, "resourceclaims")
    ]
    slices, claims = api.follow([read_slices]), api.follow(read_claims)
    return Following(
        [*slices, *claims],
        lambda: Dra(version=version, offered=tuple(_newest(readable(slices))), claims=tuple(readable(claims))),
        api.pace,
    )


def _newest(slices: Iterable[Slice]) -> Iterable[OfferedDevice]:
    """Return the devices of the highest generation of each pool: a driver writes the new slices, then takes the old."""
    known = tuple(slices)
    newest: dict[tuple[str, str], int] = {}
    for one in known:
        newest[one.driver, one.pool] = max(one.generation, newest.get((one.driver, one.pool), one.generation))
    return (device for one in known if one.generation == newest[one.driver, one.pool] for device in one.devices)
