"""CredentialService as an operator's tool sees it."""

import grpc

from .api import Api, Refused
from .protos import message

_RESPONSES = {"ListCredentials": "token.v1.ListCredentialsResponse", "DeleteCredential": "google.protobuf.Empty",
              "ListEvidence": "token.v1.ListEvidenceResponse", "DiscardEvidence": "google.protobuf.Empty"}


def state(credential) -> str:
    """`ACTIVE` and so on."""
    enum = credential.DESCRIPTOR.fields_by_name["state"].enum_type
    return enum.values_by_number[credential.state].name.removeprefix("CREDENTIAL_STATE_")


class Operator:
    """Calls raise Refused."""

    def __init__(self, api: Api):
        self._api = api

    def call(self, method: str, timeout: float = 30, **fields):
        request = message(f"token.v1.{method}Request")(**fields)
        response = _RESPONSES.get(method, "token.v1.Credential")
        try:
            return self._api.unary(f"/token.v1.CredentialService/{method}", response)(request, timeout=timeout)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def refusal(self, method: str, **fields) -> Refused:
        try:
            answer = self.call(method, **fields)
        except Refused as refused:
            return refused
        raise AssertionError(f"no refusal but {answer}")

    def create(self, name: str, **fields):
        return self.call("CreateCredential", credential={"name": name, **fields})

    def get(self, name: str):
        return self.call("GetCredential", name=name)

    def update(self, name: str, *paths: str, **fields):
        return self.call("UpdateCredential", credential={"name": name, **fields},
                         update_mask={"paths": paths})

    def replace(self, name: str, refresh_token: str):
        return self.call("ReplaceRefreshToken", name=name, refresh_token=refresh_token)

    def refresh(self, name: str, **insist):
        return self.call("RefreshCredential", name=name, **insist)

    def delete(self, name: str) -> None:
        self.call("DeleteCredential", name=name)

    def names(self, page_size: int = 0) -> list[list[str]]:
        """Page by page."""
        pages, token = [], ""
        while True:
            page = self.call("ListCredentials", page_size=page_size, page_token=token)
            pages.append([each.name for each in page.credentials])
            token = page.next_page_token
            if not token:
                return pages
