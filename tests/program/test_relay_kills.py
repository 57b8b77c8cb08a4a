"""The relay and the host are killed while ICE publishes, and nothing is lost. benchmarks/relay_kills.py does it longer."""

import pytest
from support.relay_kills import killed


@pytest.mark.slow
def test_kills_of_the_relay_and_of_its_host_lose_nothing(tmp_path):
    toll = killed(tmp_path, kills=3, seed=7)
    assert toll.lost == ()
    assert toll.is_right
    assert "Traceback" not in toll.log
