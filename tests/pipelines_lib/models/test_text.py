"""The text network: padding changes nothing, dropout is for training, each part answers alone."""

import pytest
import torch

from pipelines_lib.config import ClassifierConfig, NgramConfig
from pipelines_lib.models.bidirectional import Bidirectional
from pipelines_lib.models.text import PAD, UNKNOWN, TextInputs, TextNetwork

LENGTHS = [1, 7, 4, 12, 3]


def make_network(**fields) -> TextNetwork:
    torch.manual_seed(0)
    ngrams = NgramConfig(**{"buckets": 300, "size": 5, **fields.pop("ngrams", {})})
    settings = {"embedding": 6, "hidden": 8, "dropout": 0.4, "token_dropout": 0.3, **fields}
    config = ClassifierConfig(ngrams=ngrams, **settings)
    return TextNetwork(config, n_tokens=50, n_classes=3).eval()


def make_inputs(lengths=LENGTHS, *, width=None, seed=1) -> TextInputs:
    """Return texts of random tokens 2 to 49, and two n-grams a token."""
    width = width or max(lengths)
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.full((len(lengths), width), PAD)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(2, 50, (length,), generator=generator)
    counts = 2 * torch.tensor(lengths)
    ngrams = torch.randint(0, 300, (int(counts.sum()),), generator=generator)
    return TextInputs(tokens, torch.tensor(lengths), ngrams, counts.cumsum(0) - counts)


def only(inputs: TextInputs, row: int) -> TextInputs:
    """Return one text of a batch, without padding."""
    length = int(inputs.lengths[row])
    first = int(inputs.ngram_starts[row])
    ngrams = inputs.ngrams[first : first + 2 * length]
    tokens = inputs.tokens[row : row + 1, :length]
    return TextInputs(tokens, inputs.lengths[row : row + 1], ngrams, torch.tensor([0]))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("pooling", ["attention", "attention_and_max"])
@torch.no_grad()
def test_padding_changes_no_output(layers, pooling):
    network = make_network(layers=layers, pooling=pooling)
    inputs = make_inputs()
    together = network(inputs)
    wider = network(make_inputs(width=40))
    torch.testing.assert_close(wider, together, rtol=0, atol=1e-6)
    for row in range(len(LENGTHS)):
        torch.testing.assert_close(network(only(inputs, row))[0], together[row], rtol=0, atol=1e-6)


def test_padding_gets_no_gradient():
    network = make_network(layers=2)
    wide, narrow = make_inputs(width=40), make_inputs()
    gradients = []
    for inputs in (wide, narrow):
        network.zero_grad()
        network(inputs).square().sum().backward()
        gradients.append([weight.grad.clone() for weight in network.parameters()])
    for of_wide, of_narrow in zip(*gradients, strict=True):
        torch.testing.assert_close(of_wide, of_narrow, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_bidirectional_reads_as_torch_does_with_packed_sequences():
    layer = Bidirectional(6, 8)
    whole = torch.nn.LSTM(6, 8, batch_first=True, bidirectional=True)
    for lstm, ending in ((layer.forwards, ""), (layer.backwards, "_reverse")):
        for name, weight in lstm.named_parameters():
            getattr(whole, name + ending).copy_(weight)
    lengths = torch.tensor([5, 2, 4])
    steps = torch.randn(3, 5, 6)
    place = torch.arange(5)
    mirrored = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        steps, lengths, batch_first=True, enforce_sorted=False
    )
    expected, _ = torch.nn.utils.rnn.pad_packed_sequence(whole(packed)[0], batch_first=True)
    found = layer(steps, mirrored)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(found[row, :length], expected[row, :length])


def test_bidirectional_has_torch_s_own_gradient():
    layer = Bidirectional(3, 4)
    steps = torch.randn(2, 3, 3, requires_grad=True)
    mirrored = torch.tensor([[2, 1, 0], [1, 0, 2]])
    layer(steps, mirrored).square().sum().backward()
    found = steps.grad.clone()
    steps.grad = None
    index = mirrored[:, :, None]
    ahead, _ = layer.forwards(steps)
    back, _ = layer.backwards(steps.gather(1, index.expand(2, 3, 3)))
    both = torch.cat((ahead, back.gather(1, index.expand(2, 3, 4))), -1)
    both.square().sum().backward()
    torch.testing.assert_close(found, steps.grad)


@torch.no_grad()
def test_attend_weighs_real_tokens_and_sums_to_one():
    weights = make_network().attend(make_inputs())
    torch.testing.assert_close(weights.sum(1), torch.ones(5))
    for row, length in enumerate(LENGTHS):
        assert (weights[row, :length] > 0).all()
        assert (weights[row, length:] == 0).all()


@torch.no_grad()
def test_text_network_answers_by_tokens_and_by_ngrams_apart():
    network, inputs = make_network(), make_inputs()
    answers = network(inputs)
    assert answers.shape == (5, 2, 3)
    others = make_inputs(seed=2)
    tokens_changed = network(TextInputs(others.tokens, *_rest(inputs)))
    assert not torch.allclose(tokens_changed[:, 0], answers[:, 0])
    assert torch.equal(tokens_changed[:, 1], answers[:, 1])
    alone = make_network(ngrams={"longest": 0})
    assert alone(TextInputs(inputs.tokens, inputs.lengths)).shape == (5, 1, 3)


def _rest(inputs: TextInputs):
    return inputs.lengths, inputs.ngrams, inputs.ngram_starts


@torch.no_grad()
def test_ngram_bag_sums_vectors_over_the_root_of_how_many():
    bag = make_network().bag
    found = bag(torch.tensor([3, 5, 8, 8]), torch.tensor([0, 1]))
    vectors = bag.vectors.weight
    expected = bag.head(torch.stack((vectors[3], (vectors[5] + 2 * vectors[8]) / 3**0.5)))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("fields", "answer"),
    [({"dropout": 0.4}, 0), ({"token_dropout": 0.4}, 0), ({"ngrams": {"dropout": 0.5}}, 1)],
)
@torch.no_grad()
def test_text_network_drops_out_in_training_alone(fields, answer):
    off = {"dropout": 0.0, "token_dropout": 0.0, "ngrams": {"dropout": 0.0}}
    network, inputs = make_network(**{**off, **fields}), make_inputs()
    assert torch.equal(network(inputs), network(inputs))
    network.train()
    one, other = network(inputs), network(inputs)
    assert not torch.allclose(one[:, answer], other[:, answer])
    assert torch.equal(one[:, 1 - answer], other[:, 1 - answer])


@torch.no_grad()
def test_recurrent_text_drops_the_same_units_at_all_steps_of_a_text():
    recurrent = make_network().recurrent.train()
    dropped = recurrent._drop(torch.ones(4, 9, 30)) == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert len({tuple(row.tolist()) for row in dropped[:, 0]}) == 4
    assert 0.2 < dropped.float().mean() < 0.6


@torch.no_grad()
def test_token_dropout_makes_tokens_unknown_and_leaves_padding():
    seen = []
    recurrent = make_network(token_dropout=0.5, dropout=0.0).recurrent.train()
    recurrent.embedding.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    inputs = make_inputs()
    recurrent(inputs.tokens, inputs.lengths)
    changed = seen[0] != inputs.tokens
    assert (seen[0][changed] == UNKNOWN).all()
    assert (seen[0][inputs.tokens == PAD] == PAD).all()
    assert 5 < changed.sum() < 22


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("embedding", 9),
        ("hidden", 11),
        ("layers", 2),
        ("pooling", "attention"),
        ("ngrams", {"buckets": 400}),
        ("ngrams", {"size": 7}),
    ],
)
def test_text_network_is_sized_by_the_fields(field, value):
    def shapes(network):
        return [tuple(weight.shape) for weight in network.parameters()]

    assert shapes(make_network(**{field: value})) != shapes(make_network())


def test_text_network_starts_by_remembering_and_with_square_recurrences():
    lstm = make_network().recurrent.layers[0].forwards
    assert lstm.bias_ih_l0.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16
    for gate in lstm.weight_hh_l0.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(8), atol=1e-5, rtol=0)
