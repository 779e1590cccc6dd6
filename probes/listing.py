"""What a lane calls its model, for a question that goes past the gateway and has to name it."""

from contextlib import suppress

import msgspec

from exporter.config_path import Lane
from exporter.secret import Secret
from probes.backends.page import Address, Visit, read_page


class _Model(msgspec.Struct, frozen=True):
    id: str


class _Models(msgspec.Struct, frozen=True):
    data: tuple[_Model, ...] = ()


async def first_model(lane: Lane, key: Secret) -> str:
    """Return the first model that `lane` lists, empty where it lists none; what is broken there, the question shows."""
    url = f"{(lane.url or '').rstrip('/').removesuffix('/v1')}/v1/models"
    page = await read_page(Address(url=url, key=key, ca_file=lane.ca_file), Visit())
    if not page.is_well:
        return ""
    with suppress(msgspec.DecodeError):
        models = msgspec.json.decode(page.body, type=_Models).data
        return models[0].id if models else ""
    return ""
