"""What the probes of each alias and each lane came to so far: counters that begin at 0, the last attempt, its verdict.

No clock, no task: attempts come from whoever made them, `families` gives what the exposition asks for.
"""

from collections.abc import Iterable, Iterator

from exporter.config import Config
from exporter.config_path import Alias, Kind
from exporter.metric import Family
from exporter.snapshot import Snapshot
from probes import accounts
from probes.accounts import Account, LaneAccount
from probes.attempt import Attempt
from probes.ledger_families import Books, Served, families_of
from probes.outcome import POLICY, Outcome
from probes.verdict import Case, Probed, Verdict, judge_layers


class Ledger:
    """The accounts of all configured aliases and lanes; `families` is a collector of the exposition."""

    def __init__(self, config: Config) -> None:
        self._aliases = {alias.name: alias for alias in config.aliases}
        self._lanes = config.lanes
        self._accounts = {alias.name: accounts.open_account(alias) for alias in config.aliases}
        self._asked_lanes = {pair: LaneAccount() for pair in _pairs(config)}
        self._served = {lane.name: Served() for lane in config.lanes}

    def adopt(self, before: "Ledger") -> None:
        """Count on where the ledger before stood, for every alias and lane that is still there."""
        for name, alias in self._aliases.items():
            if name in before._accounts:  # noqa: SLF001  # its own kind
                self._accounts[name] = accounts.carry(before._accounts[name], before._aliases[name], alias)  # noqa: SLF001  # its own kind
        self._asked_lanes |= {pair: one for pair, one in before._asked_lanes.items() if pair in self._asked_lanes}  # noqa: SLF001  # its own kind
        self._served |= {lane: one for lane, one in before._served.items() if lane in self._served}  # noqa: SLF001  # its own kind

    def record(self, alias: Alias, attempt: Attempt, outcome: Outcome, *, is_cold: bool = False) -> None:
        """Enter an attempt through the gateway whose time had come."""
        account = self._accounts[alias.name]
        self._accounts[alias.name] = accounts.enter(account, alias, attempt, outcome, is_cold=is_cold)
        if alias.lane in self._served:
            self._served[alias.lane] = self._served[alias.lane].plus(POLICY[outcome].lane)

    def record_skip(self, alias: Alias, outcome: Outcome, *, at: float, is_passive: bool = False) -> None:
        """Enter that nothing was asked when the time had come, at Unix time `at`."""
        account = self._accounts[alias.name]
        self._accounts[alias.name] = accounts.enter_skip(account, outcome, at=at, is_passive=is_passive)

    def record_on_demand(self, alias: Alias, attempt: Attempt, outcome: Outcome) -> None:
        """Enter what somebody asked for out of turn: it costs, and is no event of an objective."""
        self._accounts[alias.name] = accounts.enter_cost(self._accounts[alias.name], alias, attempt, outcome)

    def record_direct(self, alias: Alias, attempt: Attempt, outcome: Outcome) -> None:
        """Enter a question to the lane itself: the alias pays for it, the lane answers for it."""
        pair = alias.lane, alias.kind
        self._asked_lanes[pair] = accounts.enter_lane(self._asked_lanes[pair], attempt, outcome)
        if not outcome.startswith("skipped_"):
            account = self._accounts[alias.name]
            self._accounts[alias.name] = accounts.enter_direct(account, alias, attempt, outcome)

    def account(self, alias: str) -> Account:
        """Return what is counted for `alias`."""
        return self._accounts[alias]

    def lane_account(self, lane: str, kind: Kind) -> LaneAccount:
        """Return what is counted for `lane`, asked directly with this kind of question."""
        return self._asked_lanes[lane, kind]

    def case(self, alias: str, snapshot: Snapshot, now: float | None = None) -> Case:
        """Return what a verdict on `alias` is made of; without `now` it is as of the last probe."""
        account, wanted = self._accounts[alias], self._aliases[alias]
        return Case(
            alias=wanted,
            snapshot=snapshot,
            now=now if now is not None else account.last.ended_at if account.last else 0.0,
            gateway=_probed(account.last, account.last_outcome),
            direct=_probed(account.last_direct, account.last_direct_outcome),
            lane=next((lane for lane in self._lanes if lane.name == wanted.lane), None),
            skipped=account.skipped,
            is_cold=account.is_cold,
            is_repeated=accounts.is_repeated(account),
        )

    def verdict(self, alias: str, snapshot: Snapshot) -> Verdict:
        """Return the layer that explains the last probe of `alias`, seen with what is known now."""
        verdict = judge_layers(self.case(alias, snapshot))
        return Verdict(verdict.cause, verdict.evidence)

    def families(self, _snapshot: Snapshot, now: float) -> Iterable[Family]:
        """Yield every family about probes."""
        yield from families_of(self._books(), now)

    def _books(self) -> Books:
        accounts_by_alias = {name: (alias, self._accounts[name]) for name, alias in self._aliases.items()}
        return Books(aliases=accounts_by_alias, asked_lanes=self._asked_lanes, served=self._served, lanes=self._lanes)


def _probed(attempt: Attempt | None, outcome: Outcome | None) -> Probed | None:
    return None if attempt is None or outcome is None else Probed(attempt, outcome)


def _pairs(config: Config) -> Iterator[tuple[str, Kind]]:
    """Yield each lane and kind of question that can be asked past the gateway."""
    reachable = {lane.name for lane in config.lanes if lane.url}
    yield from ((alias.lane, alias.kind) for alias in config.aliases if alias.lane in reachable)
