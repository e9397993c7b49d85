"""Of several processes one refreshes the subject tables, and another takes over."""

import signal
import time

from program import drain, eventually, get, messages
from test_metrics import samples

AS_OF = "2020-06-30"
# The lease lasts 15 s and is looked at every 3 s; the rest is for two busy cores.
TAKEN_OVER_SECONDS = 18 + 12


def reading(port, name):
    """A gauge of the lease, or the sum of a counter, of one process."""
    return sum(samples(get(port, "/metrics")[1]).get(name, {}).values())


def holders(*processes):
    return [i for i, (_, port) in enumerate(processes) if reading(port, "huiliu_lease_held") == 1]


def refreshes(port):
    return reading(port, "huiliu_subject_refreshes_total")


def is_still(port):
    before = refreshes(port)
    time.sleep(4)
    return refreshes(port) == before


def test_one_process_refreshes_and_another_takes_over(broker, topics, huiliu):
    huiliu.generate(broker, 2_000, 11, 2)
    first = huiliu.start_served(broker, "--as-of", AS_OF)
    eventually(lambda: holders(first) == [0], 30, first[0])
    second = huiliu.start_served(broker, "--as-of", AS_OF)
    eventually(lambda: refreshes(first[1]) > 0, 120, first[0])
    time.sleep(5)
    assert holders(first, second) == [0]
    assert refreshes(second[1]) == 0, "it waits"

    # A process that stands still loses the lease, and finds that out when it wakes.
    first[0].send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    eventually(lambda: holders(second) == [0], TAKEN_OVER_SECONDS, second[0])
    print(f"\ntaken over from a stopped process after {time.monotonic() - stopped:.1f} s")
    eventually(lambda: refreshes(second[1]) > 0, 120, second[0])
    first[0].send_signal(signal.SIGCONT)
    eventually(lambda: holders(first, second) == [1], 30, first[0])
    # What was under way when it was stopped may end.
    eventually(lambda: is_still(first[1]), 60, first[0])
    done = refreshes(first[1])
    assert huiliu.generate(broker, 2_000, 12, 2)
    time.sleep(8)
    assert refreshes(first[1]) == done, "a process without the lease refreshes"
    assert [reading(port, "huiliu_lease_term") for _, port in (first, second)] == [2, 2]

    # A process that is killed is missed, one that ends says goodbye.
    second[0].kill()
    killed = time.monotonic()
    eventually(lambda: holders(first) == [0], TAKEN_OVER_SECONDS, first[0])
    print(f"taken over from a killed process after {time.monotonic() - killed:.1f} s")
    third = huiliu.start_served(broker, "--as-of", AS_OF)
    time.sleep(4)
    assert holders(first, third) == [0]
    assert drain(first[0]) == 0, messages(first[0])
    eventually(lambda: holders(third) == [0], 10, third[0])
    assert reading(third[1], "huiliu_lease_term") == 4
    assert drain(third[0]) == 0, messages(third[0])

    lake = ["--lake", huiliu.lake, "--protection", "plain"]
    huiliu.run("refresh", "--as-of", AS_OF, *lake)
    huiliu.run("verify", "--sample", "100", *lake)
