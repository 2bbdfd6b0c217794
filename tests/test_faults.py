"""The tests of reliability, a few tries of each: ``make faults`` makes many and writes docs/reliability.md."""

from __future__ import annotations

import pytest
from faults import commands, ranks, surroundings

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that a process of several threads is forked


def lost(tries):
    return [outcome for outcome in tries if outcome is not None]


def test_detect_that_is_killed_leaves_the_old_scores_or_the_new():
    assert lost(commands.tries("detect", 3)) == []


def test_ctrl_c_leaves_the_old_output_or_the_new_and_says_so():
    assert lost(surroundings.interrupted(len(surroundings.INTERRUPTED))) == []


def test_a_file_replaced_while_a_fit_reads_it_gives_no_model_of_both():
    assert lost(surroundings.changing(2)) == []


def test_processes_without_a_row_learn_the_same_bits():
    assert lost(ranks.empty_shares(kinds=ranks.KINDS[:1], sizes=((3, 2),))) == []


def test_an_address_where_nobody_listens_is_one_sentence():
    assert lost(ranks.wrong_address()) == []
