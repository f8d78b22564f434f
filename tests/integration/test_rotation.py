"""The refresh token is replaced at every use, and nobody notices."""

import time

from harness.load import Load


def test_callers_notice_nothing_of_the_rotation_behind_them(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="3s")
    server = start_server([sandbox.credential()])

    with Load(server.address) as load:
        time.sleep(8)

    load.assert_untroubled()
    assert len(load.generations) >= 4
    stats = sandbox.stats_of()
    assert stats["reuse_detected"] == 0 and not stats["revoked"]
    assert stats["rotations"] == stats["issued"] >= 4
    assert stats["in_flight_max"] == 1


def test_many_credentials_rotate_side_by_side(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="3s")
    names = [f"inbox-{number}" for number in range(20)]
    server = start_server([sandbox.credential(name, minted=name) for name in names])

    end = time.monotonic() + 5
    while time.monotonic() < end:
        for name in names:
            assert server.api.get(name).expires_in > 0

    stats = sandbox.stats()
    assert stats["reuse_detected"] == 0
    assert all(sandbox.stats_of(name)["rotations"] >= 2 for name in names)


def test_a_provider_that_does_not_rotate_is_served_as_well(start_sandbox, start_server):
    sandbox = start_sandbox(ttl="3s", rotate="false", omit_refresh_token="true")
    server = start_server([sandbox.credential()])

    with Load(server.address, threads=2) as load:
        time.sleep(5)

    load.assert_untroubled()
    assert len(load.generations) >= 2
