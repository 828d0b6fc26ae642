"""Histograms of durations say what prometheus-client's own would."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from cps_server.timings import BOUNDS, Timings

SECONDS = st.floats(0, 20) | st.sampled_from(BOUNDS)


@given(st.lists(st.tuples(SECONDS, st.sampled_from("ab"))))
def test_it_shows_what_the_librarys_own_shows(events: list[tuple[float, str]]) -> None:
    """The same durations give the same lines, buckets, sums and counts, but for the library's time of creation."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = Timings("x_seconds", "Time.", ("what",))
    ours.register(mine)
    other = Histogram("x_seconds", "Time.", ("what",), buckets=BOUNDS, registry=theirs)
    for seconds, what in events:
        mine.observe(seconds, what)
        other.labels(what).observe(seconds)

    expected = [line for line in generate_latest(theirs).decode().splitlines() if "_created" not in line]
    assert expected == generate_latest(ours).decode().splitlines()
