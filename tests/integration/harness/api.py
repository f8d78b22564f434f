"""The gRPC API as a caller sees it."""

import dataclasses

import grpc

from .protos import message

# The kernel picks the way; nothing of the environment's proxies.
_OPTIONS = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]


class Refused(Exception):
    """A status other than OK, decoded from grpc-status-details-bin."""

    def __init__(self, error: grpc.RpcError):
        self.code = error.code().name
        self.message = error.details()
        self.reason = self.domain = self.retry_delay = None
        self.metadata = {}
        trailers = dict(error.trailing_metadata() or ())
        self.details = trailers.get("grpc-status-details-bin", b"")
        status = message("google.rpc.Status").FromString(self.details)
        if self.details:
            assert status.code == error.code().value[0], "the details tell another code"
        for any_detail in status.details:
            name = any_detail.type_url.rsplit("/", 1)[-1]
            detail = message(name).FromString(any_detail.value)
            if name == "google.rpc.ErrorInfo":
                self.reason, self.domain = detail.reason, detail.domain
                self.metadata = dict(detail.metadata)
            elif name == "google.rpc.RetryInfo":
                self.retry_delay = seconds(detail.retry_delay)
        super().__init__(f"{self.code} {self.reason}: {self.message} (retry {self.retry_delay})")


class Watch:
    """A WatchAccessToken stream: iterate for tokens; raises Refused when it ends."""

    def __init__(self, call):
        self._call = call

    def __iter__(self):
        return self

    def __next__(self) -> "Token":
        try:
            return token_of(next(self._call).token)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def cancel(self) -> None:
        self._call.cancel()


@dataclasses.dataclass(frozen=True)
class Token:
    access_token: str = dataclasses.field(repr=False)
    token_type: str
    expires_in: float
    scope: str
    credential: str
    generation: int
    expire_time: float = dataclasses.field(compare=False)  # By the server's wall clock.
    properties: dict = dataclasses.field(default_factory=dict)


def seconds(duration) -> float:
    return duration.seconds + duration.nanos / 1e9


def token_of(answer) -> Token:
    return Token(answer.access_token, answer.token_type, seconds(answer.expires_in), answer.scope,
                 answer.credential, answer.generation, seconds(answer.expire_time), dict(answer.properties))


class Api:
    """One connection. Any thread."""

    def __init__(self, address: str, tls: grpc.ChannelCredentials | None = None):
        self.channel = (grpc.insecure_channel(address, options=_OPTIONS) if tls is None else
                        grpc.secure_channel(address, tls, options=_OPTIONS))
        self._get = self.unary("/token.v1.TokenService/GetAccessToken",
                               "token.v1.GetAccessTokenResponse")
        self._watch = self.channel.unary_stream(
            "/token.v1.TokenService/WatchAccessToken",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message("token.v1.WatchAccessTokenResponse").FromString)
        self._health = self.unary("/grpc.health.v1.Health/Check", "grpc.health.v1.HealthCheckResponse")

    def unary(self, method: str, response: str):
        return self.channel.unary_unary(
            method, request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message(response).FromString)

    @staticmethod
    def request(credential: str = "", min_validity: float | None = None,
                rejected_generation: int = 0):
        request = message("token.v1.GetAccessTokenRequest")(
            credential=credential, rejected_generation=rejected_generation)
        if min_validity is not None:
            nanos = round(min_validity * 1e9)
            sign = -1 if nanos < 0 else 1
            request.min_validity.seconds = sign * (abs(nanos) // 10**9)
            request.min_validity.nanos = sign * (abs(nanos) % 10**9)
        return request

    def get(self, credential: str = "", *, timeout: float = 30, **more) -> Token:
        """GetAccessToken; raises Refused."""
        return self.send(self.request(credential, **more), timeout)

    def send(self, request, timeout: float = 30) -> Token:
        try:
            answer = self._get(request, timeout=timeout)
        except grpc.RpcError as error:
            raise Refused(error) from None
        return token_of(answer)

    def watch(self, credential: str = "", timeout: float = 60) -> Watch:
        request = message("token.v1.WatchAccessTokenRequest")(credential=credential)
        return Watch(self._watch(request, timeout=timeout))

    def refusal(self, credential: str = "", **more) -> Refused:
        """The same call when a refusal is what has to come."""
        try:
            token = self.get(credential, **more)
        except Refused as refused:
            return refused
        raise AssertionError(f"no refusal but {token}")

    def get_future(self, credential: str = "", timeout: float = 30):
        """A call under way; `.cancel()` leaves it."""
        return self._get.future(self.request(credential), timeout=timeout)

    def health(self, service: str = "") -> int:
        """1: SERVING, 2: NOT_SERVING."""
        request = message("grpc.health.v1.HealthCheckRequest")(service=service)
        return self._health(request, timeout=30).status

    def watch_health(self, service: str = ""):
        """The call: iterate for messages with a `status`."""
        request = message("grpc.health.v1.HealthCheckRequest")(service=service)
        return self.channel.unary_stream(
            "/grpc.health.v1.Health/Watch", request_serializer=lambda each: each.SerializeToString(),
            response_deserializer=message("grpc.health.v1.HealthCheckResponse").FromString)(request, timeout=60)

    def close(self) -> None:
        self.channel.close()
