"""How a grant fares when the provider's answer to a refresh is lost."""

import dataclasses
import threading
import time

from .api import Refused
from .operator import Operator, state
from .process import eventually
from .sandbox import Sandbox
from .token_server import TokenServer


@dataclasses.dataclass(frozen=True)
class Loss:
    """What happens to one refresh."""
    name: str
    fault: str
    times: int = 1          # So many requests in a row suffer it.
    seconds: float = 0      # Or all for so long.
    killed: bool = False    # The server, once the provider has rotated …
    down: float = 0         # … and for so long.


def refresh_in_vain(server: TokenServer, name: str) -> None:
    try:
        Operator(server.api).call("RefreshCredential", timeout=90, name=name)
    except Refused:
        pass


def inflict(loss: Loss, sandbox: Sandbox, server: TokenServer, name: str = "default", while_down=lambda: None) -> None:
    """A refresh that an operator orders is lost; what follows is the server's own doing."""
    requests = sandbox.stats()["token_requests"]
    sandbox.fault(loss.fault, -1 if loss.seconds else loss.times)
    refresh = threading.Thread(target=refresh_in_vain, args=(server, name), daemon=True)
    refresh.start()
    eventually(lambda: sandbox.stats()["token_requests"] > requests, 30, "the provider has the request")
    if loss.killed:
        server.kill()
        refresh.join()
        time.sleep(loss.down)
        while_down()
        server.start()
    elif loss.seconds:
        time.sleep(loss.seconds)
        sandbox.heal()


def outlives(loss: Loss, sandbox: Sandbox, server: TokenServer, name: str = "default", patience: float = 60) -> bool:
    """Does the grant outlive it? Answers when that is sure: a new token, or the provider's definite word."""
    before = server.api.get(name).generation
    inflict(loss, sandbox, server, name)

    def settled():
        credential = Operator(server.api).get(name)
        if credential.generation > before and state(credential) == "ACTIVE":
            return "kept"
        return "lost" if state(credential) == "NEEDS_REAUTHORIZATION" else None
    return eventually(settled, patience, f"{loss.name}: a new token or a definite end") == "kept"
