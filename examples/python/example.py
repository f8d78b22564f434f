"""Gets an access token from Token Service over mutual TLS, spends it, and watches for the next ones."""

import os
import pathlib
import sys
import time
import urllib.error
import urllib.request

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from token_stubs import token_service_pb2 as messages
from token_stubs import token_service_pb2_grpc as stubs


def connect() -> grpc.Channel:
    """One channel for the whole process: it reconnects by itself."""
    ca, key, certificate = (pathlib.Path(os.environ[name]).read_bytes() for name in
                            ("TLS_CA_FILE", "TLS_PRIVATE_KEY_FILE", "TLS_CERTIFICATE_FILE"))
    return grpc.secure_channel(os.environ["TOKEN_SERVER"], grpc.ssl_channel_credentials(ca, key, certificate))


def details(error: grpc.RpcError) -> tuple[str, float | None]:
    """The reason to branch on, and the seconds after which to try again, if at all."""
    reason, delay = "", None
    rich = rpc_status.from_call(error)
    for detail in rich.details if rich else []:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info) and info.domain == "token.v1":
            reason = info.reason
        elif detail.Unpack(retry):
            delay = retry.retry_delay.ToTimedelta().total_seconds()
    return reason, delay


def get(tokens: stubs.TokenServiceStub, credential: str, rejected: int = 0) -> messages.GetAccessTokenResponse:
    """Tries again when the server says when, and not beyond the deadline."""
    deadline = time.monotonic() + 10
    request = messages.GetAccessTokenRequest(credential=credential, rejected_generation=rejected)
    while True:
        try:
            return tokens.GetAccessToken(request, timeout=deadline - time.monotonic())
        except grpc.RpcError as error:
            _, delay = details(error)
            if delay is None or time.monotonic() + delay > deadline:
                raise
            time.sleep(delay)


def call_api(tokens: stubs.TokenServiceStub, credential: str) -> None:
    """Asks for the token each time it is needed. After a 401, once more for another one."""
    rejected = 0
    for _ in range(2):
        token = get(tokens, credential, rejected)
        request = urllib.request.Request(
            os.environ["API_URL"], headers={"Authorization": f"{token.token_type} {token.access_token}"})
        try:
            code = urllib.request.urlopen(request, timeout=10).status
        except urllib.error.HTTPError as error:
            code = error.code
        print(f"generation {token.generation}: the API answers {code}")
        if code != 401:
            return
        rejected = token.generation
    raise SystemExit("the API refuses every token")


def watch(tokens: stubs.TokenServiceStub, credential: str, count: int) -> None:
    """For callers that keep the current token at hand: the first comes at once, each new one as it is made."""
    stream = tokens.WatchAccessToken(messages.WatchAccessTokenRequest(credential=credential))
    for _ in range(count):
        print(f"watching: generation {next(stream).token.generation}")  # On an error: wait a moment, watch again.
    stream.cancel()


def main() -> int:
    credential = os.environ.get("TOKEN_CREDENTIAL", "")
    with connect() as channel:
        tokens = stubs.TokenServiceStub(channel)
        try:
            call_api(tokens, credential)
            watch(tokens, credential, 2)
        except grpc.RpcError as error:
            reason, delay = details(error)
            again = "" if delay is None else f" (again in {delay}s)"
            print(f"{error.code().name} {reason}: {error.details()}{again}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
