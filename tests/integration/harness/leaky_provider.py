"""An OAuth provider that rotates, and that quotes secrets wherever an answer has room for them."""

import base64
import collections
import http.server
import json
import secrets
import threading
import urllib.parse


class LeakyProvider:
    """Answers POST /token. One grant a client id; `misbehave` queues what comes instead of a good answer."""

    def __init__(self):
        self._lock = threading.Lock()
        self.secrets: dict[str, str] = {}  # Every one there ever was, and what it is.
        self._grants: dict[str, str] = {}
        self._plans = collections.defaultdict(collections.deque)
        self.requests = collections.Counter()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                provider._answer(self)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.token_endpoint = f"http://127.0.0.1:{self._server.server_port}/token"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def secret(self, kind: str) -> str:
        """A new one, with characters that need escaping in a URL."""
        value = kind[:2] + "+" + secrets.token_hex(24) + "/" + secrets.token_hex(8)
        self.secrets[value] = kind
        return value

    def grant(self, client_id: str) -> str:
        with self._lock:
            self._grants[client_id] = self.secret("refresh token")
            return self._grants[client_id]

    def misbehave(self, client_id: str, *faults: str) -> None:
        self._plans[client_id].extend(faults)

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"])).decode()
        form = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        client_id = form.get("client_id") or base64.b64decode(
            request.headers["Authorization"].split()[1]).decode().split(":")[0]
        with self._lock:
            self.requests[client_id] += 1
            plan = self._plans[client_id]
            fault = plan.popleft() if plan else None
            sent = form["refresh_token"]
            if "client_assertion" in form:
                self.secrets[form["client_assertion"].split(".")[2]] = "client assertion"
            if fault is None and sent != self._grants.get(client_id):
                fault = "dead"
            access, refresh = self.secret("access token"), self.secret("refresh token")
            if fault is None:
                self._grants[client_id] = refresh
        good = {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": 3600}
        # All that this answer could give away.
        quote = " ".join([sent, access, refresh, body, request.headers.get("Authorization", "")])
        status, headers, text = self._make(fault, good, quote, sent)
        if status is None:  # The connection ends in the middle.
            request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + text.encode())
            request.close_connection = True
            return
        data = text.encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    @staticmethod
    def _make(fault: str | None, good: dict, quote: str, sent: str):
        def error(status: int, code: str, **more):
            return status, {}, json.dumps({"error": code, "error_description": quote, **more})
        answers = {
            None: lambda: (200, {}, json.dumps(good)),
            "dead": lambda: error(400, "invalid_grant", error_uri=quote),
            "client": lambda: error(401, "invalid_client"),
            "unknown error": lambda: error(400, sent),
            "error in 200": lambda: error(200, "server_error", **good),
            "500": lambda: (500, {}, quote),
            "html": lambda: (200, {"Content-Type": "text/html"}, f"<html>{quote}</html>"),
            "wrong types": lambda: (200, {}, json.dumps({**good, "access_token": [quote], "expires_in": quote})),
            "cut": lambda: (200, {}, json.dumps(good)[:-8]),
            "throttle": lambda: (429, {"Retry-After": quote}, quote),
            "redirect": lambda: (302, {"Location": f"/token?{urllib.parse.quote(quote)}"}, quote),
            "newline": lambda: (200, {}, json.dumps({**good, "access_token": f'{quote}\n{{"event":"planted"}}'})),
            "oversized": lambda: (200, {}, quote * 1000),
            "broken off": lambda: (None, {}, quote),
        }
        return answers[fault]()


FAULTS = ("dead", "client", "unknown error", "error in 200", "500", "html", "wrong types", "cut", "throttle",
          "redirect", "newline", "oversized", "broken off")
