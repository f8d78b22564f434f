"""A token endpoint that answers what it is told, and remembers what it was sent."""

import http.server
import json
import ssl
import threading
import urllib.parse


def _refresh_token(path: str, body: str) -> str:
    """Of a form, a JSON object, or a query."""
    if body.startswith("{"):
        return json.loads(body).get("refresh_token", "")
    return urllib.parse.parse_qs(body or urllib.parse.urlsplit(path).query).get("refresh_token", [""])[0]


class ScriptedProvider:
    """`answers` queues (status, body) for POST /token; past their end every token buys another, `RT-n`."""

    def __init__(self, *answers, certificate=None):
        self.answers = list(answers)
        self.sent: list[str] = []
        self.requests: list[dict] = []  # What came: its path, headers and body.
        self.made = 0
        self._lock = threading.Lock()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                provider.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
                status, answer = provider._answer(_refresh_token(self.path, body))
                data = answer if isinstance(answer, bytes) else answer.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate_file, certificate.private_key_file)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.token_endpoint = f"{scheme}://127.0.0.1:{self._server.server_port}/token"

    def _answer(self, sent: str):
        with self._lock:
            self.sent.append(sent)
            if self.answers:
                return self.answers.pop(0)
            self.made += 1
            return 200, json.dumps({"access_token": f"AT-{self.made}", "token_type": "bearer", "expires_in": 3600,
                                    "refresh_token": self.refresh_token(self.made)})

    @staticmethod
    def refresh_token(number: int) -> str:
        return f"RT-{number}"

    def credential(self, directory, name: str = "inbox", token: str = "RT-0", **more) -> dict:
        path = directory / f"{name}.token"
        path.write_text(token + "\n")
        path.chmod(0o600)
        return {"name": name, "client_id": "c", "token_endpoint": self.token_endpoint,
                "refresh_token_file": str(path), **more}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
