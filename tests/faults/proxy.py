"""A TCP proxy that can be told to cut, delay, hang, half-close, refuse and lose answers.

It passes bytes on and looks at no more than the first line of an HTTP request, which is where a
chunk begins with a method. It runs on a thread of its own; its settings may change at any time.
"""

import asyncio
import contextlib
import random
import re
import threading

REQUEST = re.compile(rb"(?:GET|PUT|POST|HEAD|DELETE) \S+ HTTP/1\.[01]\r\n")


class Proxy:
    """Listens on `port` of the loopback address and passes connections on to `target`.

    `down`: connections are closed at once. `hang`: bytes are held back. `delay`: seconds that
    every chunk waits. `refuse`: `(answer, pattern, chance)` for requests that are answered here.
    `lose`: `(pattern, chance)` for requests that are passed on and whose answer is cut off.
    """

    def __init__(self, port, target, seed=0):
        self.port, self.target = port, target
        self.chance = random.Random(seed)
        self.refused = self.lost = self.cuts = 0
        self.connections = set()
        self.calm()
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        if not started.wait(10):
            raise OSError(f"the proxy on port {port} did not start")

    def calm(self):
        """Passes everything on again."""
        self.down = self.hang = False
        self.delay = 0.0
        self.refuse = self.lose = None

    def cut(self):
        """Aborts every connection, as a pulled cable does that answers with a reset."""
        self._call(self._abort_all)

    def half_close(self):
        """Tells the servers that the clients will send no more; the clients are told nothing."""
        self._call(self._half_close_all)

    def close(self):
        self.down = True
        self.cut()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _call(self, function):
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (function(), done.set()))
        done.wait(10)

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        serve = asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.server = self.loop.run_until_complete(serve)
        started.set()
        self.loop.run_forever()

    def _abort_all(self):
        for connection in list(self.connections):
            connection.abort()
            self.cuts += 1

    def _half_close_all(self):
        for connection in list(self.connections):
            connection.end_of_requests()
            self.cuts += 1

    async def _accept(self, reader, writer):
        if self.down:
            writer.transport.abort()
            return
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(self, (reader, writer), upstream)
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            connection.abort()
            self.connections.discard(connection)


class Connection:
    """One connection of a client and the one that was made for it."""

    def __init__(self, proxy, client, server):
        self.proxy = proxy
        self.from_client, self.to_client = client
        self.from_server, self.to_server = server
        self.loses_answer = False

    def abort(self):
        self.to_client.transport.abort()
        self.to_server.transport.abort()

    def end_of_requests(self):
        if self.to_server.can_write_eof() and not self.to_server.is_closing():
            self.to_server.write_eof()

    async def run(self):
        pumps = [asyncio.ensure_future(self._requests()), asyncio.ensure_future(self._answers())]
        # When one side has gone, the other has nobody to talk to.
        _, pending = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pending:
            pump.cancel()

    async def _requests(self):
        while data := await self._read(self.from_client):
            line = REQUEST.match(data)
            if line and await self._answered_here(line[0]):
                return
            if line and self._is_chosen(self.proxy.lose, line[0]):
                self.loses_answer = True
            if not await self._write(self.to_server, data):
                return

    async def _answers(self):
        while data := await self._read(self.from_server):
            if self.loses_answer:
                self.proxy.lost += 1
                return
            if not await self._write(self.to_client, data):
                return

    async def _answered_here(self, line):
        refuse = self.proxy.refuse
        if not refuse or not self._is_chosen(refuse[1:], line):
            return False
        self.proxy.refused += 1
        await self._write(self.to_client, refuse[0])
        # The client may still be sending its body: a reset would hide the answer from it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while await self._read(self.from_client):
                    pass
        return True

    def _is_chosen(self, which, line):
        """Whether a request is of those that are meant by `(pattern, chance)`."""
        return which and re.search(which[0], line) and self.proxy.chance.random() < which[1]

    async def _read(self, reader):
        try:
            return await reader.read(1 << 16)
        except OSError:
            return b""

    async def _write(self, writer, data):
        while self.proxy.hang:
            await asyncio.sleep(0.05)
        if self.proxy.delay:
            await asyncio.sleep(self.proxy.delay)
        try:
            writer.write(data)
            await writer.drain()
        except (OSError, RuntimeError):
            return False
        return True


# What SeaweedFS says instead of an object, when it believes that the client has gone.
EMPTY = (
    b'HTTP/1.1 200 OK\r\nETag: "0"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n'
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


def answer(status, code):
    """An S3 server's answer that carries an error code."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    return (
        f"HTTP/1.1 {status} -\r\nContent-Type: application/xml\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()
