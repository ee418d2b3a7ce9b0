"""Chunks are read ahead and written behind, in order, a few at most, and errors come out."""

import pytest

from transferz.baselines.networks.threads import read_ahead, write_behind


def numbers(count, read, fail_at=None):
    for number in range(count):
        if number == fail_at:
            raise ValueError(f"no {number}")
        read.append(number)
        yield number


def test_chunks_come_in_order_and_no_more_than_a_few_wait():
    read, most = [], 0
    with read_ahead(numbers(20, read), most=2) as chunks:
        for used, chunk in enumerate(chunks, 1):
            assert chunk == used - 1
            most = max(most, len(read) - used)
    assert read == list(range(20))
    assert most <= 2


def test_an_error_in_reading_comes_where_the_chunk_would():
    read, got = [], []
    with pytest.raises(ValueError, match="no 3"), read_ahead(numbers(9, read, 3)) as chunks:
        got.extend(chunk for chunk in chunks)
    assert read == [0, 1, 2]


def test_nothing_more_is_read_once_the_block_has_ended():
    read = []
    with pytest.raises(KeyError), read_ahead(numbers(1000, read), most=2) as chunks:
        next(chunks)
        raise KeyError
    assert len(read) <= 4


def test_calls_are_made_in_order_and_all_are_done_in_the_end():
    written = []
    with write_behind(lambda *both: written.append(both), most=2) as write:
        for number in range(30):
            write(number, -number)
    assert written == [(number, -number) for number in range(30)]


@pytest.mark.parametrize("last", [True, False])
def test_an_error_in_writing_comes_out(last):
    def fail(number):
        if number == 5:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), write_behind(fail) as write:
        for number in range(6 if last else 50):
            write(number)
