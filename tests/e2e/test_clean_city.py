"""A clean city passes as it is: nothing is rejected, repaired or flagged, every value is stored as
it was delivered."""

from collections import Counter

import pytest

from cities import City
from program import Huiliu
from treatments import same


@pytest.fixture(scope="module")
def city(binary, tmp_path_factory):
    directory = tmp_path_factory.mktemp("clean")
    huiliu = Huiliu(binary, directory / "work", str(directory / "lake"))
    return City(huiliu, 100_000, 2021, 0)


def test_every_dataset_is_there(city):
    assert len(city.datasets) == 48


def test_nothing_is_rejected_or_flagged(city):
    said = Counter()
    for dataset in city.datasets.values():
        for offset in range(len(dataset.delivered)):
            for field, labels in dataset.findings(offset).items():
                for label in labels:
                    said[dataset.name, field, label] += 1
    assert not said


def test_every_value_is_stored_as_delivered(city):
    differing, cells = Counter(), 0
    for dataset in city.datasets.values():
        for offset in range(len(dataset.delivered)):
            row = dataset.rows.get(offset)
            image = dataset.image(offset) if row else {}
            for field, value in image.items():
                cells += 1
                if not same(row[field], value):
                    differing[dataset.name, field] += 1
    assert cells > 500_000
    assert not differing
