"""Providers that deviate from RFC 6749: rules of the configuration's own, the built-in ones, what the provider said."""

import base64
import json
import signal
import subprocess

import pytest
import yaml

from harness.metrics import scrape
from harness.operator import Operator, state
from harness.process import eventually
from harness.scripted_provider import ScriptedProvider
from harness.tools import program

SENTINEL = "sentinel0badcafe"  # In whatever must not be seen.


@pytest.fixture
def provider():
    made = ScriptedProvider()
    yield made
    made.close()


def secret_file(directory, name, text):
    path = directory / name
    path.write_text(text + "\n")
    path.chmod(0o600)
    return str(path)


def rules(**more):
    return {"name": "acme", **more}


def test_a_request_in_json_with_headers_and_parameters_of_its_own(provider, start_server, tmp_path):
    start_server(
        [provider.credential(tmp_path, provider="acme", client_secret_file=secret_file(tmp_path, "secret", "s3cr3t/+="))],
        providers=[rules(
            request={"body": "json", "client_auth": "client_secret_basic_raw", "client_id_parameter": "client_key",
                     "headers": {"X-Version": "3"}, "secret_headers": {"X-Key": secret_file(tmp_path, "key", SENTINEL)},
                     "user_agent": "acme-bot/1.0", "parameters": {"type": "refresh"},
                     "secret_parameters": {"pin": secret_file(tmp_path, "pin", "1234")}})])
    request = eventually(lambda: provider.requests and provider.requests[0], 10, "a request")
    assert json.loads(request["body"]) == {"grant_type": "refresh_token", "refresh_token": "RT-0", "type": "refresh",
                                           "pin": "1234"}
    headers = request["headers"]
    assert headers["Content-Type"] == "application/json"
    assert (headers["X-Version"], headers["X-Key"], headers["User-Agent"]) == ("3", SENTINEL, "acme-bot/1.0")
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"c:s3cr3t/+="


def test_a_request_in_the_query(provider, start_server, tmp_path):
    server = start_server([provider.credential(tmp_path, provider="acme")], providers=[rules(request={"body": "query"})])
    assert server.api.get().access_token == "AT-1"
    assert provider.requests[0]["path"] == "/token?grant_type=refresh_token&refresh_token=RT-0&client_id=c"
    assert provider.requests[0]["body"] == ""


def test_tokens_that_stand_deeper_and_what_callers_need_beside_them(provider, start_server, tmp_path):
    provider.answers.append((200, json.dumps(
        {"ok": True, "team": {"url": "https://t.example"}, "authed_user":
         {"access_token": "AT-deep", "refresh_token": "RT-deep", "token_type": "user", "expires": 7200000}})))
    own = rules(response={"access_token": "authed_user.access_token", "refresh_token": "authed_user.refresh_token",
                          "expires_in": "authed_user.expires", "expires_in_unit": "ms", "expose": ["team.url"]})
    server = start_server([provider.credential(tmp_path, provider="acme")], providers=[own])
    token = server.api.get()
    assert (token.access_token, token.token_type, dict(token.properties)) == (
        "AT-deep", "Bearer", {"team.url": "https://t.example"})
    operator = Operator(server.api)
    lifetime = operator.get("inbox").expire_time.seconds - operator.get("inbox").last_refresh_time.seconds
    assert 7190 < lifetime <= 7200
    server.restart()
    assert dict(server.api.get().properties) == {"team.url": "https://t.example"}, "kept with the token"
    assert provider.sent == ["RT-0"]
    provider.answers.append((200, json.dumps({"authed_user": {"access_token": "AT-deeper", "refresh_token": "RT-deeper"}})))
    Operator(server.api).refresh("inbox")
    assert provider.sent == ["RT-0", "RT-deep"]


# The status of the answer, its body, the rule, and what is told to callers.
ERRORS = {
    "dead by a rule": (200, {"status": 503, "error": "Invalid Params: invalid refresh_token"},
                       {"path": "status", "equals": 503, "text": "invalid refresh_token", "means": "dead"},
                       ("NEEDS_REAUTHORIZATION", "FAILED_PRECONDITION", "REFRESH_TOKEN_REJECTED")),
    "busy by a rule": (409, {"message": "again"}, {"status": 409, "means": "busy"},
                       ("BACKING_OFF", "UNAVAILABLE", "PROVIDER_BUSY")),
    "too early by a rule": (400, {"error": "access_denied", "error_description": "access_token not expired"},
                            {"path": "error", "equals": "ACCESS_DENIED", "text": "not expired", "means": "too_early"},
                            ("BACKING_OFF", "UNAVAILABLE", "PROVIDER_BUSY")),
    "throttled by a rule": (200, {"code": 17}, {"path": "code", "equals": "17", "means": "throttled"},
                            ("BACKING_OFF", "UNAVAILABLE", "PROVIDER_THROTTLED")),
    "refused by a rule": (500, {"code": "no_app"}, {"path": "code", "equals": "no_app", "means": "client_refused"},
                          ("CLIENT_REJECTED", "FAILED_PRECONDITION", "CLIENT_REJECTED")),
    "busy by itself": (400, {"error": "invalid_grant", "error_description": "token request is already being processed"},
                       None, ("BACKING_OFF", "UNAVAILABLE", "PROVIDER_BUSY")),
    "dead in a list": (400, {"errors": [{"errorType": "invalid_grant", "message": "made up"}], "success": False}, None,
                       ("NEEDS_REAUTHORIZATION", "FAILED_PRECONDITION", "REFRESH_TOKEN_REJECTED")),
    "login required": (401, {"error": "login_required"}, None,
                       ("NEEDS_REAUTHORIZATION", "FAILED_PRECONDITION", "REFRESH_TOKEN_REJECTED")),
    "the token, not the client": (403, {"error": "unauthorized_client", "error_description": "refresh_token is invalid"},
                                  None, ("NEEDS_REAUTHORIZATION", "FAILED_PRECONDITION", "REFRESH_TOKEN_REJECTED")),
}


@pytest.mark.parametrize("status, body, rule, told", ERRORS.values(), ids=ERRORS.keys())
def test_an_error_means_what_rules_and_words_say(provider, start_server, tmp_path, status, body, rule, told):
    provider.answers += [(status, json.dumps(body))] * 50
    server = start_server([provider.credential(tmp_path, provider="acme")],
                          providers=[rules(errors=[rule] if rule else [])])
    refused = eventually(lambda: provider.sent and server.api.refusal(), 10, "a refusal")
    operator = Operator(server.api)
    assert (state(operator.get("inbox")), refused.code, refused.reason) == told
    assert operator.get("inbox").last_error.http_status == status


def test_a_busy_provider_is_asked_again_and_the_grant_lives(provider, start_server, tmp_path):
    provider.answers.append((400, '{"error": "invalid_grant", "error_description": "already being processed"}'))
    server = start_server([provider.credential(tmp_path)])
    assert eventually(lambda: len(provider.sent) == 2 and server.api.get(), 30, "a token").access_token == "AT-1"
    assert provider.sent == ["RT-0", "RT-0"]


def test_what_the_provider_said_is_for_operators_without_what_could_be_a_token(provider, start_server, tmp_path):
    token = f"rt-{SENTINEL}"
    provider.answers.append((400, json.dumps(
        {"error": "invalid_grant", "error_description": f"{token} was revoked, see https://x.test/?t={SENTINEL}777",
         "refresh_token": token})))
    server = start_server([provider.credential(tmp_path, token=token)])
    refused = eventually(lambda: provider.sent and server.api.refusal(), 10, "a refusal")
    said = Operator(server.api).get("inbox").last_error
    assert (said.http_status, said.code) == (400, "invalid_grant")
    assert said.description == "*** was revoked, see https://x.test/?***"
    shown = subprocess.run([program("token-client"), "credential", "show", "inbox", f"--server={server.address}"],
                           capture_output=True, text=True, check=True).stdout
    assert "HTTP 400 invalid_grant: *** was revoked" in shown
    assert "revoked" not in refused.message, "callers are not told"
    assert SENTINEL not in shown + server.logs()
    assert "was revoked" not in server.logs()


def test_when_the_refresh_token_ends_is_shown_and_exported(provider, start_server, tmp_path):
    provider.answers.append((200, json.dumps({"access_token": "AT", "expires_in": 3600, "refresh_token": "RT-1",
                                              "refresh_token_expires_in": 86400})))
    silent = ScriptedProvider()  # Tells nothing of it.
    server = start_server([provider.credential(tmp_path), silent.credential(tmp_path, "other", "RT-x", provider="acme")],
                          providers=[rules(refresh_token_lifetime="168h")], metrics={"listen": "127.0.0.1:0"})
    operator = Operator(server.api)

    def both():
        found = [operator.get(name) for name in ("inbox", "other")]
        return found if all(each.generation for each in found) else None

    inbox, other = eventually(both, 10, "both have a token")
    silent.close()
    spans = [round((each.refresh_token_expire_time.seconds - each.last_rotation_time.seconds) / 3600)
             for each in (inbox, other)]
    assert spans == [24, 168]
    page = scrape(server)
    for each in (inbox, other):
        assert int(page("token_service_grant_expiry_seconds", credential=each.name)) == each.refresh_token_expire_time.seconds


def test_a_credential_made_by_rpc_names_its_provider(provider, start_server, tmp_path):
    server = start_server([], providers=[rules(token_endpoint=provider.token_endpoint, request={"body": "json"}),
                                         {"name": "other", "token_endpoint": provider.token_endpoint}])
    operator = Operator(server.api)
    made = operator.create("inbox", client_id="c", refresh_token="RT-0", provider="acme")
    assert (made.provider, made.token_endpoint) == ("acme", provider.token_endpoint)
    eventually(lambda: provider.requests, 10, "a request")
    assert json.loads(provider.requests[0]["body"])["refresh_token"] == "RT-0"

    unknown = operator.refusal("CreateCredential", credential={"name": "b", "client_id": "c", "refresh_token": "RT",
                                                               "provider": "nobody"})
    assert (unknown.code, unknown.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    moved = operator.refusal("UpdateCredential", credential={"name": "inbox", "provider": "other"},
                             update_mask={"paths": ["provider"]})
    assert moved.reason == "SECRET_REQUIRED", "its rules say where secrets stand"
    changed = operator.update("inbox", "provider", "refresh_token", provider="other", refresh_token="RT-new")
    assert changed.provider == "other"
    eventually(lambda: "RT-new" in provider.sent, 10, "the new one is sent")
    assert provider.requests[-1]["body"].startswith("grant_type=refresh_token&")
    server.restart()
    assert Operator(server.api).get("inbox").provider == "other"


def test_a_providers_secrets_are_shown_to_nobody_else(provider, start_server, tmp_path):
    elsewhere = ScriptedProvider()
    own = rules(token_endpoint=provider.token_endpoint,
                request={"secret_headers": {"X-Key": secret_file(tmp_path, "key", SENTINEL)}})
    origins = [each.token_endpoint.removesuffix("/token") for each in (provider, elsewhere)]
    server = start_server([], providers=[own], token_endpoints=origins)
    operator = Operator(server.api)
    fields = {"client_id": "c", "refresh_token": "RT-0"}
    refused = operator.refusal("CreateCredential", credential={
        "name": "stolen", "provider": "acme", "token_endpoint": elsewhere.token_endpoint, **fields})
    assert (refused.code, refused.reason) == ("INVALID_ARGUMENT", "INVALID_REQUEST") and "token_endpoint" in refused.message
    operator.create("mine", token_endpoint=elsewhere.token_endpoint, **fields)
    refused = operator.refusal("UpdateCredential", credential={"name": "mine", "provider": "acme", "refresh_token": "RT-7"},
                               update_mask={"paths": ["provider", "refresh_token"]})
    assert refused.reason == "INVALID_REQUEST"
    # One from before the provider moved.
    operator.create("moved", provider="acme", **{**fields, "refresh_token": "RT-x"})
    eventually(lambda: provider.requests, 10, "a request")
    assert provider.requests[0]["headers"]["X-Key"] == SENTINEL
    server.configure([], providers=[{**own, "token_endpoint": elsewhere.token_endpoint}], token_endpoints=origins)
    server.restart()
    Operator(server.api).refresh("moved")
    assert len(provider.requests) == 2 and "X-Key" not in provider.requests[1]["headers"]
    assert all("X-Key" not in request["headers"] for request in elsewhere.requests)
    elsewhere.close()


def test_new_rules_read_what_is_kept_again(provider, start_server, tmp_path):
    provider.answers.append((200, json.dumps({"data": {"token": "AT-9", "renew": "RT-9"}, "refresh_tokens": ["RT-8888"]})))
    credential = provider.credential(tmp_path, provider="acme")
    server = start_server([credential], providers=[rules()])
    eventually(lambda: provider.sent and server.api.refusal().reason == "ANSWER_UNREADABLE", 10, "the answer is kept")
    server.configure([credential], providers=[rules(response={"access_token": "data.token", "refresh_token": "data.renew"})])
    provider.answers.append((200, json.dumps({"data": {"token": "AT-10", "renew": "RT-10"}})))
    server.process.signal(signal.SIGHUP)
    assert eventually(lambda: provider.sent == ["RT-0", "RT-9"] and server.api.get(), 30, "a token").access_token == "AT-10"


def test_the_built_in_ones_are_printed_as_a_configuration_has_them(tmp_path):
    printed = subprocess.run([program("token-server"), "providers"], capture_output=True, text=True, check=True).stdout
    names = [each["name"] for each in yaml.safe_load(printed)["providers"]]
    assert names == sorted(names) and len(names) >= 50
    one = subprocess.run([program("token-server"), "providers", "tesla"], capture_output=True, text=True, check=True).stdout
    assert [each["name"] for each in yaml.safe_load(one)["providers"]] == ["tesla"]
    config = tmp_path / "c.yaml"
    config.write_text(f"data_dir: {tmp_path}/data\ncallers: []\n{one}")
    subprocess.run([program("token-server"), "--check_config", f"--config={config}"], check=True)
    nobody = subprocess.run([program("token-server"), "providers", "telsa"], capture_output=True, text=True)
    assert nobody.returncode == 2 and "did you mean tesla?" in nobody.stderr
