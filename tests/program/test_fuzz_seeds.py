"""Seeds that found a fault while fuzzing, and the next 20 of each kind."""

import pytest
from support.fuzz_seeds import SEEDS
from support.fuzzing import KINDS, tried


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
async def test_nothing_but_our_own_errors_and_clear_answers_come_out(kind):
    outcomes = await tried(kind, [*SEEDS[kind], *range(20)])
    assert [(each.seed, each.failure) for each in outcomes if each.failure] == []
