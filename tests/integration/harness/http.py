"""HTTP to the loopback servers of the tests, past any proxy."""

import json
import urllib.error
import urllib.request

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(url: str, body=None, headers: dict | None = None) -> tuple[int, str]:
    """POSTs `body` as JSON when there is one, GETs otherwise. Any status is an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers or {})
    if data is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with _opener.open(request, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask(url: str, body=None):
    """The same, for an answer in JSON that has to be a success."""
    status, text = call(url, body)
    assert 200 <= status < 300, f"{url}: {status} {text}"
    return json.loads(text)
