"""The refresh token is replaced at every use, and nobody notices."""

from harness.load import Load
from harness.process import eventually

TTL = "10m"
REFRESH = 520  # Seconds, past 85 % of that.


def turn_over(load: Load, clock, generations: int) -> None:
    """Until callers have had tokens of so many generations."""
    for number in range(1, generations + 1):
        eventually(lambda: len(load.generations) >= number, 30, f"callers get generation {number}")
        if number < generations:
            clock.advance(REFRESH)


def test_callers_notice_nothing_of_the_rotation_behind_them(start_sandbox, start_timed, clock):
    sandbox = start_sandbox(ttl=TTL)
    server = start_timed([sandbox.credential()])

    with Load(server.address) as load:
        turn_over(load, clock, 4)

    load.assert_untroubled()
    assert len(load.generations) >= 4
    stats = sandbox.stats_of()
    assert stats["reuse_detected"] == 0 and not stats["revoked"]
    assert stats["rotations"] == stats["issued"] >= 4
    assert stats["in_flight_max"] == 1


def test_many_credentials_rotate_side_by_side(start_sandbox, start_timed, clock):
    sandbox = start_sandbox(ttl=TTL)
    names = [f"inbox-{number}" for number in range(20)]
    server = start_timed([sandbox.credential(name, minted=name) for name in names])

    for rotations in (1, 2, 3):
        def rotated():
            for name in names:
                assert server.api.get(name).expires_in > 0
            return all(each["rotations"] >= rotations for each in sandbox.stats()["credentials"] if each["name"] in names)
        eventually(rotated, 30, f"rotation {rotations} of every credential")
        clock.advance(REFRESH)

    stats = sandbox.stats()
    assert stats["reuse_detected"] == 0
    assert all(sandbox.stats_of(name)["rotations"] >= 2 for name in names)


def test_a_provider_that_does_not_rotate_is_served_as_well(start_sandbox, start_timed, clock):
    sandbox = start_sandbox(ttl=TTL, rotate="false", omit_refresh_token="true")
    server = start_timed([sandbox.credential()])

    with Load(server.address, threads=2) as load:
        turn_over(load, clock, 3)

    load.assert_untroubled()
    assert len(load.generations) >= 2
