"""HTTP/2 by hand (RFC 9113), for saying what no library would."""

import socket
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WATCH = "/token.v1.TokenService/WatchAccessToken"
GET = "/token.v1.TokenService/GetAccessToken"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field that nobody indexes, without Huffman's code (RFC 7541 section 6.2.2)."""
    def text(data: bytes) -> bytes:
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest, digits = len(data) - 127, b"\x7f"
        while rest >= 128:
            digits, rest = digits + bytes([rest % 128 + 128]), rest // 128
        return digits + bytes([rest]) + data
    return b"\x00" + text(name) + text(value)


def headers(path: str, *more: tuple[bytes, bytes]) -> bytes:
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"x"),
              (b"content-type", b"application/grpc"), (b"te", b"trailers"), *more]
    return b"".join(literal(name, value) for name, value in fields)


def request(stream: int, path: str, message: bytes = b"") -> bytes:
    """A whole call."""
    return (frame(HEADERS, END_HEADERS, stream, headers(path)) +
            frame(DATA, END_STREAM, stream, b"\0" + struct.pack(">I", len(message)) + message))


class Connection:
    def __init__(self, address: str, settings: bytes = b"", preface: bool = True):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=20)
        self._buffer = b""
        if preface:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data: bytes) -> bool:
        """False: the server has hung up."""
        try:
            self.socket.sendall(data)
            return True
        except (ConnectionError, socket.timeout):
            return False

    def read(self):
        """The next frame as (kind, flags, stream, payload); None: the server has hung up. Acknowledges settings."""
        try:
            while len(self._buffer) < 9 or len(self._buffer) < 9 + self._length():
                more = self.socket.recv(1 << 16)
                if not more:
                    return None
                self._buffer += more
        except ConnectionError:
            return None
        length = self._length()
        kind, flags, stream = self._buffer[3], self._buffer[4], struct.unpack(">I", self._buffer[5:9])[0]
        payload, self._buffer = self._buffer[9:9 + length], self._buffer[9 + length:]
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        return kind, flags, stream, payload

    def _length(self) -> int:
        return int.from_bytes(self._buffer[:3], "big")

    def hung_up(self) -> bool:
        """Reads until then; socket.timeout when it does not come."""
        while self.read() is not None:
            pass
        return True

    def close(self) -> None:
        self.socket.close()
