"""Access tokens without a refresh token: client_credentials and jwt_bearer."""

import base64
import json
import subprocess
import urllib.parse

import pytest

from harness.operator import Operator, state
from harness.process import eventually
from harness.scripted_provider import ScriptedProvider
from harness.tools import program


@pytest.fixture
def provider():
    made = ScriptedProvider()
    yield made
    made.close()


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path],
                   check=True, capture_output=True)
    path.chmod(0o600)
    return path


def form(request) -> dict:
    return {name: values[0] for name, values in urllib.parse.parse_qs(request["body"]).items()}


def declared(provider, **more):
    return {"name": "inbox", "client_id": "c", "token_endpoint": provider.token_endpoint, **more}


def test_client_credentials_need_no_refresh_token(provider, start_server, secret):
    server = start_server([declared(provider, grant="client_credentials", client_auth="client_secret_post",
                                    client_secret_file=secret, scope="s")])
    assert server.api.get().access_token == "AT-1"
    assert form(provider.requests[0]) == {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s3cret",
                                          "scope": "s"}
    operator = Operator(server.api)
    assert operator.get("inbox").grant == "client_credentials"
    refused = operator.refusal("ReplaceRefreshToken", name="inbox", refresh_token="rt")
    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    server.restart()
    assert server.api.get().access_token == "AT-1" and len(provider.requests) == 1, "served from the store"
    operator = Operator(server.api)
    operator.refresh("inbox")
    assert server.api.get().access_token == "AT-2"
    assert "refresh_token" not in form(provider.requests[1])


def test_a_jwt_is_signed_for_each_exchange(provider, start_server, key):
    server = start_server([declared(provider, grant="jwt_bearer", client_key_file=str(key), client_key_id="k1",
                                    assertion_subject="user@example.test", assertion_audience="https://aud.test/")])
    assert server.api.get().access_token == "AT-1"
    sent = form(provider.requests[0])
    assert sent["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    header, claims, _ = sent["assertion"].split(".")
    decode = lambda part: json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert decode(header) == {"alg": "RS256", "kid": "k1"}
    claims = decode(claims)
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("c", "user@example.test", "https://aud.test/")
    assert 0 < claims["exp"] - claims["iat"] <= 300 and claims["jti"]
    Operator(server.api).refresh("inbox")
    assert form(provider.requests[1])["assertion"] != sent["assertion"]
    assert sent["assertion"] not in server.logs()


def test_a_refused_assertion_is_the_clients(provider, start_server, key):
    provider.answers += [(400, '{"error": "invalid_grant", "error_description": "unknown user"}')] * 20
    server = start_server([declared(provider, grant="jwt_bearer", client_key_file=str(key))])
    refused = eventually(lambda: provider.requests and server.api.refusal(), 10, "a refusal")
    assert (refused.code, refused.reason) == ("FAILED_PRECONDITION", "CLIENT_REJECTED")
    shown = Operator(server.api).get("inbox")
    assert state(shown) == "CLIENT_REJECTED" and shown.last_error.description == "unknown user"


def test_one_made_by_rpc(provider, start_server, tmp_path, secret):
    server = start_server([], defaults={"token_endpoint": provider.token_endpoint})
    made = subprocess.run([program("token-client"), "credential", "create", "inbox", "--client_id=c",
                           "--grant=client_credentials", "--client_auth=client_secret_basic", f"--client_secret_file={secret}",
                           f"--server={server.address}"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert eventually(lambda: provider.requests and server.api.get(), 10, "a token").access_token == "AT-1"
    server.restart()
    assert Operator(server.api).get("inbox").grant == "client_credentials"
    operator = Operator(server.api)
    for fields, why in (({"grant": "client_credentials", "refresh_token": "rt", "client_auth": "client_secret_post",
                          "client_secret": "s"}, "refresh_token"),
                        ({"grant": "client_credentials"}, "client_auth"),
                        ({"grant": "password"}, "grant"),
                        ({"grant": "jwt_bearer"}, "grant"),
                        ({}, "refresh_token")):
        refused = operator.refusal("CreateCredential", credential={"name": "other", "client_id": "c", **fields})
        assert refused.code == "INVALID_ARGUMENT" and why in refused.message, refused.message


def test_where_its_secret_goes_changes_with_the_secret_alone(provider, start_server, secret):
    elsewhere = ScriptedProvider()
    server = start_server([], token_endpoints=[each.token_endpoint.removesuffix("/token") for each in (provider, elsewhere)])
    operator = Operator(server.api)
    operator.create("inbox", client_id="c", grant="client_credentials", client_auth="client_secret_post",
                    client_secret="s3cret", token_endpoint=provider.token_endpoint)
    refused = operator.refusal("UpdateCredential", credential={"name": "inbox", "token_endpoint": elsewhere.token_endpoint},
                               update_mask={"paths": ["token_endpoint"]})
    assert refused.reason == "SECRET_REQUIRED" and "client_secret" in refused.message
    operator.update("inbox", "token_endpoint", "client_secret", token_endpoint=elsewhere.token_endpoint, client_secret="other")
    eventually(lambda: operator.refresh("inbox") and elsewhere.requests, 10, "a request")
    assert form(elsewhere.requests[0])["client_secret"] == "other"
    elsewhere.close()


def check_config(tmp_path, credential) -> str:
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps({"data_dir": str(tmp_path / "d"), "callers": [], "credentials": [credential]}))
    done = subprocess.run([program("token-server"), f"--config={file}", "--check_config"], capture_output=True, text=True)
    assert done.returncode == 2
    return done.stderr


def test_slips_in_the_configuration_are_told(provider, tmp_path):
    whole = declared(provider)
    assert "refresh_token_file: is required" in check_config(tmp_path, whole)
    assert "grant is client_credentials, which has no use for it" in check_config(
        tmp_path, {**whole, "grant": "client_credentials", "refresh_token_file": "f"})
    assert "assertion_subject: is for grant: jwt_bearer" in check_config(
        tmp_path, {**whole, "refresh_token_file": "f", "assertion_subject": "s"})
    assert "client_key_file: is required by grant: jwt_bearer" in check_config(tmp_path, {**whole, "grant": "jwt_bearer"})
    assert "expected refresh_token, client_credentials or jwt_bearer" in check_config(tmp_path, {**whole, "grant": "password"})
