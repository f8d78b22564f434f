"""The network between the server and the provider: one listener a class of grants, and what TCP can do to a request."""

import asyncio
import collections
import dataclasses
import os
import signal
import socket
import struct
import time

from chance import pick
from provider import Provider, content_length, form_of

# What goes wrong on the way, and its share of all requests at rate 1. "before": the provider never hears of it.
FAULTS = {
    "reset before": 0.01, "closed before": 0.006, "silence before": 0.004,
    "reset after": 0.01, "closed after": 0.006, "silence after": 0.004, "cut short": 0.01, "slow bytes": 0.02,
}
_SPOILS = {"reset after", "closed after", "silence after", "cut short"}


@dataclasses.dataclass
class Wire:
    """One connection: a line of the proxy's log."""
    at: float
    fault: str | None = None
    credential: str | None = None
    relayed: bool = False     # The whole answer has left here.

    @property
    def spoilt(self) -> bool:
        return self.fault in _SPOILS or not self.relayed


class Proxy:
    """Every listener's connections go through `_relay`; `victim` is the server's pid, for kills tied to the wire."""

    def __init__(self, provider: Provider, seed: int, rate: float):
        self.provider, self.seed, self.rate = provider, seed, rate
        self.posts = collections.Counter()
        self.connections = collections.Counter()
        self.log: list[Wire] = []
        self.hanging: set[str] = set()     # Classes whose provider takes connections and says nothing.
        self.victim: int | None = None
        self.kill_order: tuple[str, int] | None = None  # Where, and after how many passings.
        self.killed_at: str | None = None
        self._servers: dict[str, asyncio.Server] = {}
        self._tasks: set[asyncio.Task] = set()
        self.ports: dict[str, int] = {}
        self._provider_port = 0

    async def start(self, classes: list[str]) -> None:
        server = await asyncio.start_server(self.provider.serve, "127.0.0.1", 0)
        self._provider_port = server.sockets[0].getsockname()[1]
        self._provider_server = server
        for name in classes:
            await self.listen(name)

    async def listen(self, name: str) -> None:
        async def connected(reader, writer):
            self._tasks.add(asyncio.current_task())  # The loop itself would let it be forgotten.
            try:
                await self._serve(name, reader, writer)
            finally:
                self._tasks.discard(asyncio.current_task())
        self._servers[name] = await asyncio.start_server(connected, "127.0.0.1", self.ports.get(name, 0))
        self.ports[name] = self._servers[name].sockets[0].getsockname()[1]

    async def refuse(self, name: str) -> None:
        """Connections are refused from now on, until `listen`."""
        self._servers[name].close()
        await self._servers[name].wait_closed()

    async def _serve(self, name: str, reader, writer):
        wire = Wire(time.monotonic())
        self.log.append(wire)
        try:
            self.connections[name] += 1
            table = {"reset on connecting": 0.008 * self.rate}
            wire.fault = pick(table, self.seed, "connection", name, self.connections[name])
            if wire.fault is not None:
                return reset(writer)
            await self._relay(name, wire, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _relay(self, name: str, wire: Wire, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(content_length(head))
        wire.credential = self.provider.owner(form_of(body).get("refresh_token", "")) or "?"
        self.posts[wire.credential] += 1
        if name in self.hanging:
            wire.fault = "silence before"
            return await self._silence(reader)
        rates = {fault: share * self.rate for fault, share in FAULTS.items()}
        wire.fault = pick(rates, self.seed, "proxy", wire.credential, self.posts[wire.credential])
        if self._kill("request under way"):
            wire.fault = "killed before"
            return
        if wire.fault == "reset before":
            return reset(writer)
        if wire.fault == "closed before":
            return
        if wire.fault == "silence before":
            return await self._silence(reader)
        answer = await self._ask(head + body, wire)
        self._kill("request handled")
        if wire.fault == "reset after":
            return reset(writer)
        if wire.fault == "closed after":
            return
        if wire.fault == "silence after":
            return await self._silence(reader)
        if wire.fault == "cut short":
            writer.write(answer[:-len(answer) // 4])
            return await writer.drain()
        if wire.fault == "slow bytes":
            for at in range(0, len(answer), 40):
                writer.write(answer[at:at + 40])
                await writer.drain()
                await asyncio.sleep(0.01)
        else:
            writer.write(answer)
            await writer.drain()
        wire.relayed = True
        self._kill("answer on its way")

    async def _ask(self, request: bytes, wire: Wire) -> bytes:
        connection = socket.socket()
        connection.setblocking(False)
        connection.bind(("127.0.0.1", 0))
        port = connection.getsockname()[1]
        self.provider.wires[port] = wire
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self._provider_port))
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            writer.write(request)
            return await reader.read(-1)
        finally:
            writer.close()
            self.provider.wires.pop(port, None)

    async def _silence(self, reader) -> None:
        """Until the client goes."""
        try:
            await asyncio.wait_for(reader.read(1), 60)
        except asyncio.TimeoutError:
            pass

    def _kill(self, where: str) -> bool:
        if self.victim is None or self.kill_order is None or self.kill_order[0] != where:
            return False
        self.kill_order = (where, self.kill_order[1] - 1)
        if self.kill_order[1] > 0:
            return False
        self.kill_order, self.killed_at = None, where
        os.kill(self.victim, signal.SIGKILL)
        return True


def reset(writer) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
