"""HTTP/2 by hand (RFC 9113), for saying what no library would."""

import socket
import ssl
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WATCH = "/token.v1.TokenService/WatchAccessToken"
GET = "/token.v1.TokenService/GetAccessToken"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def length(size: int) -> bytes:
    """Of a string without Huffman's code (RFC 7541 section 5.1)."""
    if size < 127:
        return bytes([size])
    rest, digits = size - 127, b"\x7f"
    while rest >= 128:
        digits, rest = digits + bytes([rest % 128 + 128]), rest // 128
    return digits + bytes([rest])


def literal(name: bytes, value: bytes, kind: bytes = b"\x00") -> bytes:
    """A header field that nobody indexes, without Huffman's code (RFC 7541 section 6.2.2)."""
    return kind + length(len(name)) + name + length(len(value)) + value


def fields(path: str, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"x"),
            (b"content-type", b"application/grpc"), (b"te", b"trailers"), *more]


def headers(path: str, *more: tuple[bytes, bytes]) -> bytes:
    return b"".join(literal(name, value) for name, value in fields(path, *more))


def remembered(path: str) -> tuple[bytes, bytes]:
    """Headers that a connection's decoder is to remember (RFC 7541 section 6.2.1), and the six bytes that say them again."""
    all_of_them = fields(path)
    again = bytes(0x80 | 61 + len(all_of_them) - i for i in range(len(all_of_them)))
    return b"".join(literal(name, value, b"\x40") for name, value in all_of_them), again


def request(stream: int, path: str, message: bytes = b"") -> bytes:
    """A whole call."""
    return (frame(HEADERS, END_HEADERS, stream, headers(path)) +
            frame(DATA, END_STREAM, stream, b"\0" + struct.pack(">I", len(message)) + message))


class Connection:
    """address: `127.0.0.1:1` or `unix:/path`."""

    def __init__(self, address: str, settings: bytes = b"", preface: bool = True, tls: ssl.SSLContext | None = None):
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(20)
            self.socket.connect(address.removeprefix("unix:"))
        else:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)), timeout=20)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)
        self._buffer = b""
        if preface:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data: bytes) -> bool:
        """False: the server has hung up."""
        try:
            self.socket.sendall(data)
            return True
        except (OSError, socket.timeout):
            return False

    def read(self):
        """The next frame as (kind, flags, stream, payload); None: the server has hung up. Acknowledges settings."""
        try:
            while len(self._buffer) < 9 or len(self._buffer) < 9 + self._length():
                more = self.socket.recv(1 << 16)
                if not more:
                    return None
                self._buffer += more
        except (ConnectionError, ssl.SSLError):
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

    def acknowledged(self) -> "Connection":
        """Reads until the server's settings have come, and so are acknowledged."""
        while True:
            got = self.read()
            assert got is not None, "hung up at once"
            if got[0] == SETTINGS and not got[1] & ACK:
                return self
