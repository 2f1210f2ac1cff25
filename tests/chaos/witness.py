"""Reads in the proxies' frames whether a member keeps the two rules that fence it, before Kafka has to."""

from __future__ import annotations

from typing import Final

from tests.chaos.frames import Api, Identity, Request, identity_of

_BEGINS: Final = (Api.ADD_PARTITIONS_TO_TXN, Api.ADD_OFFSETS_TO_TXN)
_ENDS: Final = (Api.END_TXN, Api.INIT_PRODUCER_ID)


class Witness:
    """Implements `proxy.Observer`. For fair weather: a frame that cannot be sent is not seen.

    With static members Kafka refuses what either of these bugs alone would commit, and so no reader sees anything: each
    takes one layer of two away. Together (the textbook loop) they give duplicates.
    """

    def __init__(self, clients: str) -> None:
        """`clients`: how the ids of those begin that it looks at."""
        self._clients = clients
        self.breaches: list[str] = []
        self.offsets = 0
        """Commits of offsets that were looked at."""
        self._open: dict[str, Identity | None] = {}
        """Client -> who it was when its open transaction began."""
        self._known: dict[str, Identity] = {}
        """Client -> who it is in its group, as it said last."""

    def __call__(self, request: Request, response: bytes | None, now: float) -> None:
        client = request.client
        if response is not None or not client.startswith(self._clients):
            return
        if request.api in _BEGINS:
            self._open.setdefault(client, self._known.get(client))
        elif request.api in _ENDS:
            self._open.pop(client, None)
        elif request.api == Api.JOIN_GROUP and client in self._open:
            self.breaches.append(f"{client} joins its group anew while its transaction is open")
        elif request.api == Api.SYNC_GROUP:
            self._known[client] = identity_of(request)
        elif request.api == Api.TXN_OFFSET_COMMIT:
            self.offsets += 1
            said, begun = identity_of(request), self._open.get(client)
            if said != begun:
                self.breaches.append(f"{client} commits as {said}, its transaction was begun by {begun}")
