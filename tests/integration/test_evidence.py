"""An answer that may hold a token that nobody else knows is kept, and what was sent is not sent again."""

import json
import subprocess

import pytest

from harness.operator import Operator, state
from harness.process import eventually
from harness.scripted_provider import ScriptedProvider
from harness.tools import program

WHOLE = json.dumps({"access_token": "AT-9", "token_type": "bearer", "expires_in": 3600, "refresh_token": "RT-9-secret"})
# The refresh token stands where RFC 6749 has it: it is tried by itself.
CANDIDATES = {
    "alone under 500": (500, '{"refresh_token": "RT-9-secret"}'),
    "cut under 500": (500, '{"refresh_token": "RT-9-secret", "access_t'),
    "all of them under 503": (503, WHOLE),
    "over-long": (200, '{"access_token": "AT-9", "refresh_token": "RT-9-secret", "x": "' + "y" * 70000 + '"}'),
    "beside an error that cannot be read": (400, '{"error": "in\\nvalid", "refresh_token": "RT-9-secret"}'),
    "beside an access token that cannot be used": (200, '{"access_token": 7, "refresh_token": "RT-9-secret"}'),
}
# It stands elsewhere: a person has to look.
UNREADABLE = {
    "nested": (200, '{"code": 0, "data": {"access_token": "AT-9", "refresh_token": "RT-9-secret"}}'),
    "another name": (200, '{"accessToken": "AT-9", "refreshToken": "RT-9-secret"}'),
    "nested under 500": (500, '{"data": {"refresh-token": "RT-9-secret"}}'),
}


@pytest.fixture
def provider():
    made = ScriptedProvider()
    yield made
    made.close()


def kept(operator: Operator):
    return list(operator.call("ListEvidence", name="inbox").evidence)


@pytest.mark.parametrize("status", [201, 202])
def test_any_success_with_a_whole_answer_is_one(provider, start_server, tmp_path, status):
    provider.answers.append((status, WHOLE))
    server = start_server([provider.credential(tmp_path)])
    assert server.api.get().access_token == "AT-9"
    assert kept(Operator(server.api)) == []


@pytest.mark.parametrize("answer", CANDIDATES.values(), ids=CANDIDATES.keys())
def test_a_refresh_token_where_the_rules_have_it_is_tried_by_itself(provider, start_server, tmp_path, answer):
    provider.answers.append(answer)
    server = start_server([provider.credential(tmp_path)])

    assert eventually(lambda: len(provider.sent) == 2 and server.api.get(), 30, "a token").access_token == "AT-1"

    assert provider.sent == ["RT-0", "RT-9-secret"], "what was spent is not sent again"
    evidence, = kept(Operator(server.api))
    assert not evidence.stands
    assert evidence.http_status == answer[0] and evidence.size == min(len(answer[1]), 65536)
    assert "RT-9-secret" not in server.logs()


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_elsewhere_it_holds_and_pages_and_an_operator_adopts_it(provider, start_server, tmp_path, answer):
    provider.answers.append(answer)
    server = start_server([provider.credential(tmp_path)], metrics={"listen": "127.0.0.1:0"})
    operator = Operator(server.api)

    refused = eventually(lambda: kept(operator) and server.api.refusal(), 30, "the answer is kept")
    assert (refused.code, refused.reason) == ("UNAVAILABLE", "ANSWER_UNREADABLE")
    assert refused.retry_delay
    assert state(operator.get("inbox")) == "IN_DOUBT"
    assert operator.get("inbox").last_error_reason == "ANSWER_UNREADABLE"
    assert operator.refusal("RefreshCredential", name="inbox").reason == "ANSWER_UNREADABLE"
    server.restart()  # Read again, and nothing posted.
    operator = Operator(server.api)
    assert operator.refusal("RefreshCredential", name="inbox").reason == "ANSWER_UNREADABLE"
    assert provider.sent == ["RT-0"]

    evidence, = kept(operator)
    assert evidence.stands
    where, = [member.path for member in evidence.members if member.may_be_refresh_token]
    assert "RT-9-secret" not in str(evidence) and "AT-9" not in str(evidence)
    wrong = operator.refusal("AdoptEvidence", name="inbox", evidence_id=evidence.id, refresh_token_path="nowhere")
    assert (wrong.code, wrong.metadata["field"]) == ("INVALID_ARGUMENT", "refresh_token_path")
    operator.call("AdoptEvidence", name="inbox", evidence_id=evidence.id, refresh_token_path=where)

    assert eventually(lambda: len(provider.sent) == 2 and server.api.get(), 30, "a token").access_token == "AT-1"
    assert provider.sent == ["RT-0", "RT-9-secret"]
    assert "RT-9-secret" not in server.logs()


def test_discarded_what_was_sent_is_sent_again(provider, start_server, tmp_path):
    provider.answers.append(UNREADABLE["nested"])
    server = start_server([provider.credential(tmp_path)])
    operator = Operator(server.api)
    evidence, = eventually(lambda: kept(operator), 30, "the answer is kept")
    operator.call("DiscardEvidence", name="inbox", evidence_id=evidence.id)
    eventually(lambda: len(provider.sent) == 2 and server.api.get(), 30, "a token")
    assert provider.sent == ["RT-0", "RT-0"]
    assert operator.refusal("DiscardEvidence", name="inbox", evidence_id=evidence.id).code == "INVALID_ARGUMENT"


def test_the_command(provider, start_server, tmp_path):
    provider.answers.append(UNREADABLE["nested"])
    server = start_server([provider.credential(tmp_path)])

    def client(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([program("token-client"), f"--server={server.address}", "credential", *arguments],
                              capture_output=True, text=True, timeout=60)
    eventually(lambda: kept(Operator(server.api)), 30, "the answer is kept")
    shown = client("evidence", "inbox").stdout
    assert "HTTP 200" in shown and "data.refresh_token  string  may be a refresh token" in shown, shown
    assert "RT-9-secret" not in shown
    number = shown.split()[0]
    assert client("refresh", "inbox").returncode == 1
    done = client("refresh", "inbox", "--even_if_rejected")
    assert done.returncode == 0, done.stderr
    assert provider.sent == ["RT-0", "RT-0"], "an operator insisted"
    done = client("discard-evidence", "inbox", number)
    assert done.returncode == 0, done.stderr
    assert client("evidence", "inbox").stdout == "nothing is kept\n"
    done = client("adopt-evidence", "inbox", number, "--refresh_token_path=data.refresh_token")
    assert done.returncode == 1 and "INVALID_ARGUMENT" in done.stderr


def test_repeated_nonsense_is_not_kept_and_opens_the_breaker(provider, start_server, tmp_path):
    provider.answers.extend([(200, "<html><body>down</body></html>"), (200, "{}"), (200, "")] * 10)
    server = start_server([provider.credential(tmp_path)])
    eventually(lambda: len(provider.sent) >= 5, 60, "five tries")
    assert server.api.refusal().reason == "PROVIDER_MALFORMED"
    assert kept(Operator(server.api)) == []


def test_a_name_that_may_be_a_secret_is_not_shown(provider, start_server, tmp_path):
    hostile = {"AKIA9f8e7d6c5b4a3210": 1, "new\nline": 2, "x" * 300: 3, "data": {"refresh_token": "RT-9-secret"}}
    provider.answers.append((200, json.dumps(hostile)))
    server = start_server([provider.credential(tmp_path)])
    operator = Operator(server.api)
    evidence, = eventually(lambda: kept(operator), 30, "the answer is kept")
    paths = [member.path for member in evidence.members]
    assert paths == ["#0", "#1", "#2", "data", "data.refresh_token"]
