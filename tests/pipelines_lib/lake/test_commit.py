import pytest
from deltalake.exceptions import DeltaError

from pipelines_lib.errors import LakeError
from pipelines_lib.lake.commit import COMMIT_ATTEMPTS, commit
from pipelines_lib.lake.stored import open_table


@pytest.fixture
def look(lake, observations, rows):
    lake.merge_rows("d", observations, rows(("A", "2024-01-02", 1.0)))
    return lambda: open_table(f"{lake.uri}/d/observations", "d.observations", observations)


@pytest.fixture
def write_after_another(lake, observations, rows):
    """Return a factory of writes that another writer beats the first `times`."""

    def make(times):
        seen = []

        def write(stored):
            seen.append(stored.version)
            if len(seen) <= times:
                other = rows(("A", "2024-01-02", float(len(seen))), ingest_id="other")
                lake.merge_rows("d", observations, other.assign(value=100.0 + len(seen)))
            return stored.delta.update(updates={"value": "7.0"})["num_updated_rows"]

        return write, seen

    return make


def test_commit_looks_again_when_another_writer_was_first(
    look, write_after_another, lake, observations
):
    write, seen = write_after_another(2)
    assert commit(look, write, name="d.observations", what="1 row") == 1
    assert seen == [0, 1, 2]
    assert lake.read_rows("d", observations)["value"].tolist() == [7.0]


def test_commit_gives_up_when_others_always_come_first(look, write_after_another):
    write, seen = write_after_another(COMMIT_ATTEMPTS)
    with pytest.raises(LakeError, match=r"d\.observations was changed by others .* one job"):
        commit(look, write, name="d.observations", what="1 row")
    assert len(seen) == COMMIT_ATTEMPTS


@pytest.mark.parametrize("failure", [OSError("no space left"), DeltaError("no space left")])
def test_commit_that_fails_by_itself_is_transient_and_not_repeated(look, failure):
    tried = []

    def write(stored):
        tried.append(stored.version)
        raise failure

    with pytest.raises(LakeError, match=r"cannot write 1 row to d\.observations: no space") as said:
        commit(look, write, name="d.observations", what="1 row")
    assert said.value.transient
    assert len(tried) == 1
