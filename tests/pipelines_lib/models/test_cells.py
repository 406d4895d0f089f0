"""Recurrent layers: the open loop is the fused kernel's, masks stay, padding changes nothing."""

import pytest
import torch

from pipelines_lib.models.cells import Cell, Recurrent
from pipelines_lib.models.unrolled import branch, unroll
from tests.pipelines_lib.models.batches import pad

CELLS = {
    "lstm": {"kind": "lstm"},
    "gru": {"kind": "gru"},
    "tanh": {"kind": "rnn"},
    "relu": {"kind": "rnn", "activation": "relu"},
}
each_cell = pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS.keys())
each_direction = pytest.mark.parametrize("bidirectional", [False, True], ids=["one", "both"])


def make(cell: dict, *, hidden=6, layers=2, bidirectional=False, n_inputs=3, **more) -> Recurrent:
    torch.manual_seed(0)
    made = Cell(hidden=hidden, layers=layers, **cell, **more)
    return Recurrent(n_inputs, made, bidirectional=bidirectional)


def rest(recurrent: Recurrent, n: int) -> tuple[torch.Tensor, ...]:
    """Return some state that is not zero."""
    rnn = recurrent.rnn
    shape = (rnn.num_layers * recurrent.directions, n, rnn.hidden_size)
    return tuple(torch.randn(shape) for _ in range(2 if rnn.mode == "LSTM" else 1))


@each_cell
@each_direction
@pytest.mark.parametrize("started", [False, True], ids=["zeros", "state"])
def test_unroll_equals_the_fused_kernel(cell, bidirectional, started):
    recurrent = make(cell, bidirectional=bidirectional)
    steps, state = torch.randn(4, 7, 3), rest(recurrent, 4) if started else None
    outputs, end = recurrent(steps, state=state)
    opened, opened_end = unroll(recurrent.rnn, steps, state)
    torch.testing.assert_close(opened, outputs)
    for mine, theirs in zip(opened_end, end, strict=True):
        torch.testing.assert_close(mine, theirs)


@each_cell
def test_unroll_has_the_gradients_of_the_fused_kernel(cell):
    recurrent, steps = make(cell, bidirectional=True), torch.randn(4, 7, 3)
    gradients = []
    for outputs, _ in (recurrent(steps), unroll(recurrent.rnn, steps)):
        recurrent.zero_grad()
        outputs.square().sum().backward()
        gradients.append([weight.grad.clone() for weight in recurrent.parameters()])
    torch.testing.assert_close(*gradients)


@each_cell
@each_direction
def test_forward_of_padded_sequences_equals_each_alone(cell, bidirectional):
    recurrent, lengths = make(cell, bidirectional=bidirectional), torch.tensor([4, 7, 1, 6])
    alone = [torch.randn(int(length), 3) for length in lengths]
    padded = torch.stack([pad(sequence, 7) for sequence in alone])
    real = torch.arange(7) >= 7 - lengths.unsqueeze(1)
    ways = [recurrent(padded, lengths=lengths), unroll(recurrent.rnn, padded, real=real)]
    for outputs, state in ways:
        for row, sequence in enumerate(alone):
            expected, end = recurrent(sequence[None])
            torch.testing.assert_close(outputs[row, 7 - len(sequence) :], expected[0])
            assert (outputs[row, : 7 - len(sequence)] == 0).all()
            torch.testing.assert_close(
                recurrent.top(state)[row], recurrent.top(end)[0], msg="the final state"
            )


def test_forward_of_full_lengths_needs_no_packing():
    recurrent, steps = make(CELLS["gru"]), torch.randn(3, 5, 3)
    assert torch.equal(recurrent(steps, lengths=torch.tensor([5, 5, 5]))[0], recurrent(steps)[0])
    none = recurrent(steps[:0], lengths=torch.zeros(0, dtype=torch.long))[0]
    assert none.shape == (0, 5, 6)


@each_cell
@pytest.mark.parametrize("recurrent_dropout", [0.0, 0.5], ids=["fused", "open"])
@pytest.mark.parametrize("lengths", [None, [7, 3, 1, 6]], ids=["whole", "padded"])
def test_forward_under_autocast_rounds_and_learns_in_float32(cell, recurrent_dropout, lengths):
    recurrent, steps = make(cell, recurrent_dropout=recurrent_dropout), torch.randn(4, 7, 3)
    known = {"lengths": None if lengths is None else torch.tensor(lengths)}
    known |= {"masks": recurrent.draw_masks(4), "state": rest(recurrent, 4)}
    expected, _ = recurrent(steps, **known)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, _ = recurrent(steps, **known)
    torch.testing.assert_close(outputs.float(), expected, atol=0.03, rtol=0.03)
    outputs.float().sum().backward()
    for weight in recurrent.parameters():
        assert weight.grad.dtype == torch.float32
        assert weight.grad.isfinite().all()
        assert weight.grad.any()


@each_cell
def test_top_is_the_last_output_of_both_directions(cell):
    recurrent = make(cell, bidirectional=True)
    outputs, state = recurrent(torch.randn(4, 7, 3))
    ends = torch.cat([outputs[:, -1, :6], outputs[:, 0, 6:]], 1)  # backward ends at the oldest
    torch.testing.assert_close(recurrent.top(state), ends)


@each_cell
@each_direction
def test_recurrent_dropout_works_in_training_only(cell, bidirectional):
    recurrent = make(cell, bidirectional=bidirectional, recurrent_dropout=0.5)
    plain, steps = make(cell, bidirectional=bidirectional), torch.randn(4, 7, 3)
    assert not torch.equal(recurrent(steps)[0], recurrent(steps)[0])
    recurrent.eval()
    assert torch.equal(recurrent(steps)[0], plain(steps)[0])


def test_draw_masks_keeps_the_mean_and_is_one_for_each_layer_and_direction():
    recurrent = make(CELLS["gru"], hidden=64, bidirectional=True, recurrent_dropout=0.25)
    masks = recurrent.draw_masks(50)
    assert masks.shape == (4, 50, 64)
    torch.testing.assert_close(masks.unique(), torch.tensor([0, 1 / 0.75]))
    assert masks.mean().item() == pytest.approx(1, abs=0.03)
    assert not torch.equal(masks[0], masks[1])


def test_recurrent_dropout_drops_the_same_units_at_every_step():
    """Where the state is only carried on, a unit is dropped from the second step on, or never."""
    recurrent = make(
        CELLS["relu"], hidden=64, layers=1, n_inputs=1, identity_start=True, recurrent_dropout=0.5
    )
    torch.nn.init.ones_(recurrent.rnn.weight_ih_l0)
    steps = torch.zeros(8, 6, 1)
    steps[:, 0] = 1.0
    outputs, _ = recurrent(steps)  # 1, then 0 for ever or twice as much at each step
    doubled = 2.0 ** torch.arange(6).unsqueeze(1)
    kept = (outputs[:, 1] > 0).unsqueeze(1)
    assert torch.equal(outputs[:, 1:], torch.where(kept, doubled[1:], 0.0))
    assert kept.float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert len({tuple(row) for row in kept[:, 0].tolist()}) == 8  # a mask for each sequence


@each_cell
def test_recurrent_dropout_drops_the_state_where_it_is_multiplied(cell):
    """With no weight on the state a mask can change nothing: gates still carry all of it over."""
    recurrent, steps = make(cell, layers=1, recurrent_dropout=0.5), torch.randn(4, 7, 3)
    torch.nn.init.zeros_(recurrent.rnn.weight_hh_l0)
    dropped = recurrent(steps)[0]
    torch.testing.assert_close(dropped, recurrent.eval()(steps)[0])


def test_masks_are_shared_by_calls_of_one_sequence():
    recurrent, steps = make(CELLS["lstm"], recurrent_dropout=0.5), torch.randn(4, 7, 3)
    masks = recurrent.draw_masks(4)
    whole, _ = recurrent(steps, masks=masks)
    first, state = recurrent(steps[:, :3], masks=masks)
    second, _ = recurrent(steps[:, 3:], state=state, masks=masks)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)


@pytest.mark.parametrize("recurrent_dropout", [0.0, 0.3], ids=["fused", "open"])
def test_dropout_falls_between_layers_in_training_only(recurrent_dropout):
    recurrent, steps = make(CELLS["gru"], dropout=0.5), torch.randn(4, 7, 3)
    recurrent.recurrent_dropout = recurrent_dropout
    masks = torch.ones(2, 4, 6) if recurrent_dropout else None
    first, second = (recurrent(steps, masks=masks)[1][0] for _ in range(2))
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
    recurrent.eval()
    assert torch.equal(recurrent(steps)[0], recurrent(steps)[0])


def test_identity_start_remembers_the_sum_of_what_it_saw():
    recurrent = make(CELLS["relu"], layers=1, identity_start=True)
    torch.nn.init.constant_(recurrent.rnn.weight_ih_l0, 0.5)
    steps = torch.rand(2, 9, 3)
    _, state = recurrent(steps)
    expected = 0.5 * steps.sum((1, 2)).unsqueeze(1).expand(-1, 6)
    torch.testing.assert_close(recurrent.top(state), expected)


def test_identity_start_sets_every_layer_and_direction_of_an_rnn_and_no_other_cell():
    rnn = make(CELLS["relu"], bidirectional=True, identity_start=True).rnn
    for _, weight, bias_in, bias in rnn.all_weights:
        assert torch.equal(weight, torch.eye(6))
        assert not bias_in.any()
        assert not bias.any()
    plain, asked = make(CELLS["gru"]), make(CELLS["gru"], identity_start=True)
    assert torch.equal(plain.rnn.weight_hh_l0, asked.rnn.weight_hh_l0)


@each_cell
def test_branch_equals_a_sequence_of_one_step_for_each_input(cell):
    recurrent, inputs = make(cell), torch.randn(4, 5, 3)
    state = rest(recurrent, 4)
    one_by_one = [recurrent(inputs[:, [m]], state=state)[0] for m in range(5)]
    torch.testing.assert_close(branch(recurrent.rnn, [inputs], state), torch.cat(one_by_one, 1))


@each_cell
def test_branch_takes_the_sum_of_its_inputs_under_the_masks(cell):
    recurrent, masks = make(cell), torch.rand(2, 4, 6) * 2
    shared, own, state = torch.randn(1, 5, 3), torch.randn(4, 1, 3), rest(recurrent, 4)
    expected = [
        unroll(recurrent.rnn, (shared + own)[:, [m]], state, masks=masks)[0] for m in range(5)
    ]
    torch.testing.assert_close(
        branch(recurrent.rnn, [shared, own], state, masks=masks), torch.cat(expected, 1)
    )
