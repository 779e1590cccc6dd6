"""The one sentence at the top of the page: the worst that is known, what is blind, or that all is well. Pure."""

from collections.abc import Iterator, Sequence

from exporter.status import AliasStatus, CardStatus, Light, PoolStatus, SourceStatus


def sum_up(
    aliases: Sequence[AliasStatus],
    pools: Sequence[PoolStatus],
    cards: Sequence[CardStatus],
    sources: Sequence[SourceStatus],
) -> tuple[Light, str]:
    """Return how it stands as a whole, and in words; users' aliases go before what is below them."""
    bad = (*_bad_aliases(aliases), *_bad_pools(pools), *_bad_cards(cards))
    if bad:
        return "bad", "; ".join(bad)
    blind = [one.source for one in sources if not one.is_up]
    if blind:
        return "quiet", f"Nothing is known to be broken, but this cannot be seen: {', '.join(blind)}"
    quiet = [one.alias for one in aliases if one.light == "quiet"]
    if quiet:
        return "quiet", f"Nothing is known to be broken; look at: {', '.join(quiet)}"
    return (
        ("good", f"All is well: {_said(aliases, cards)}") if aliases or cards else ("quiet", "Nothing is watched yet")
    )


def _bad_aliases(aliases: Sequence[AliasStatus]) -> Iterator[str]:
    """Yield each cause once with the aliases that it takes."""
    words: dict[str, list[str]] = {}
    for one in aliases:
        if one.light == "bad":
            words.setdefault(one.words, []).append(one.alias)
    yield from (f"{', '.join(names)}: {why}" for why, names in words.items())


def _bad_pools(pools: Sequence[PoolStatus]) -> Iterator[str]:
    broken = [one for one in pools if one.light == "bad"]
    if len(broken) > 1:
        yield f"{len(broken)} pools do not have exactly one GPU LLM"
        return
    for one in broken:
        why = f" ({', '.join(reason.reason for reason in one.reasons)})" if one.reasons else ""
        yield f"pool {one.pool} has {_HOW_MANY.get(one.state, one.state)}{why}"


_HOW_MANY = {
    "none": "no GPU LLM",
    "many": "several GPU LLMs",
    "split": "an owner of the card that is none of its lanes",
}


def _bad_cards(cards: Sequence[CardStatus]) -> Iterator[str]:
    broken = [one for one in cards if one.light == "bad"]
    if broken:
        yield f"{len(broken)} of {len(cards)} cards need a look" if len(cards) > 1 else f"the card is {broken[0].state}"


def _said(aliases: Sequence[AliasStatus], cards: Sequence[CardStatus]) -> str:
    said = (
        f"{len(aliases)} {'alias answers' if len(aliases) == 1 else 'aliases answer'}" if aliases else "",
        f"{len(cards)} {'card is' if len(cards) == 1 else 'cards are'} read" if cards else "",
    )
    return ", ".join(part for part in said if part)
