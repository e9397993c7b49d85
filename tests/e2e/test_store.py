"""The object store that the other tests rest on: are its conditional puts atomic?

Two servers that are popular in tests are not (each let several writers of one key win), and a
lake on such a store loses commits. So this comes before anything is concluded from the store.
"""

import threading
from collections import Counter

from s3client import Account, Client

RACERS, KEYS, KEYS_AT_A_TIME = 8, 40, 10


def test_one_writer_of_a_key_wins_however_many_race(s3):
    # The server lets the losers of a key wait a second or more, so several keys run side by side.
    answers = [[None] * RACERS for _ in range(KEYS)]

    def race(racer, keys, barrier):
        client = Client(s3)
        for key in keys:
            barrier.wait()
            body = b"%d" % racer * 512
            answers[key][racer] = client.put(f"race/{key:03}", body, only_new=True)

    threads = []
    for first in range(KEYS_AT_A_TIME):
        keys, barrier = range(first, KEYS, KEYS_AT_A_TIME), threading.Barrier(RACERS, timeout=60)
        threads += [
            threading.Thread(target=race, args=(racer, keys, barrier)) for racer in range(RACERS)
        ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    seen = Counter(status for statuses in answers for status in statuses)
    assert set(seen) <= {200, 409, 412}, seen
    winners = [statuses.count(200) for statuses in answers]
    assert winners == [1] * KEYS, f"keys with several winners: {sum(w > 1 for w in winners)}"
    client = Client(s3)
    for key in range(KEYS):
        winner = answers[key].index(200)
        assert client.get(f"race/{key:03}") == b"%d" % winner * 512


def test_a_put_without_condition_replaces_and_a_listing_shows_it(s3):
    client = Client(s3)
    assert client.put("plain/a", b"one") == 200
    assert client.put("plain/a", b"two") == 200
    assert client.get("plain/a") == b"two"
    assert client.list("plain/") == ["plain/a"]


def test_a_wrong_signature_is_refused(s3):
    stranger = Account(s3.endpoint, s3.bucket, s3.key_id, "not the secret")
    assert Client(stranger).put("plain/b", b"x") == 403
