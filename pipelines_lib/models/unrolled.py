"""Recurrent layers one step after another, in the open: where the fused kernels cannot go.

Shapes: B batch, L steps, F inputs, D hidden size, G gates of all units, N layers x directions.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

State = tuple[Tensor, ...]
"""(h,), or (h, c) for an LSTM; each (N, B, D), in torch's order."""


def advance(
    mode: str,
    projected: Tensor,
    state: State,
    *,
    weight: Tensor,
    bias: Tensor,
    mask: Tensor | None,
) -> State:
    """Take one step of torch's cell `mode`; everything may broadcast.

    Args:
        mode: LSTM, GRU, RNN_TANH or RNN_RELU, as `nn.RNNBase.mode`.
        projected: The step's input after its linear map and bias, (..., G).
        state: The state before the step, each (..., D).
        weight: Recurrent weights (G, D).
        bias: Recurrent bias (G,).
        mask: Factor (..., D) of the state where it enters the linear map, not where a gate carries
            it over, or it would shrink or grow with every step.
    """
    hidden = state[0]
    recurrent = functional.linear(hidden if mask is None else hidden * mask, weight, bias)
    if mode == "LSTM":
        write, keep, value, show = (projected + recurrent).chunk(4, -1)
        cell = keep.sigmoid() * state[1] + write.sigmoid() * value.tanh()
        return show.sigmoid() * cell.tanh(), cell
    if mode == "GRU":
        sizes = [2 * hidden.shape[-1], hidden.shape[-1]]
        gates_in, value_in = projected.split(sizes, -1)
        gates_back, value_back = recurrent.split(sizes, -1)
        reset, keep = (gates_in + gates_back).sigmoid().chunk(2, -1)
        value = (value_in + reset * value_back).tanh()
        return (value + keep * (hidden - value),)
    total = projected + recurrent
    return (total.tanh() if mode == "RNN_TANH" else total.relu(),)


def unroll(
    rnn: nn.RNNBase,
    steps: Tensor,
    state: State | None = None,
    *,
    real: Tensor | None = None,
    masks: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Run all layers of a torch module as it would itself, with a mask on the recurrent state.

    Args:
        rnn: The module whose weights, directions and dropout between layers are used.
        steps: Inputs (B, L, F).
        state: State to start from; None: zeros.
        real: (B, L), False for steps that are padding: they leave the state alone, their output
            is 0. None: all are real.
        masks: Factors (N, B, D) of the state, the same at every step; None: none.

    Returns:
        Outputs of the top layer (B, L, D x directions) and the final state.
    """
    directions = 2 if rnn.bidirectional else 1
    below = steps.transpose(0, 1)  # (L, B, F): a step is then one contiguous block
    present = None if real is None else real.t().unsqueeze(-1)  # (L, B, 1)
    ends: list[State] = []
    for layer in range(rnn.num_layers):
        if layer > 0:
            below = functional.dropout(below, rnn.dropout, rnn.training)
        outputs = []
        for number in range(layer * directions, (layer + 1) * directions):
            weights = rnn.all_weights[number]
            if state is None:
                zeros = weights[1].new_zeros(len(steps), rnn.hidden_size)
                start: State = (zeros, zeros) if rnn.mode == "LSTM" else (zeros,)
            else:
                start = tuple(part[number] for part in state)
            output, end = _run_direction(
                rnn.mode,
                below,
                start,
                weights=weights,
                present=present,
                mask=None if masks is None else masks[number],
                backward=number % directions == 1,
            )
            outputs.append(output)
            ends.append(end)
        below = torch.cat(outputs, -1)
    final = tuple(torch.stack(parts) for parts in zip(*ends, strict=True))
    return below.transpose(0, 1), final


def branch(
    rnn: nn.RNNBase, inputs: list[Tensor], state: State, *, masks: Tensor | None = None
) -> Tensor:
    """Take one step from the same state for each of M inputs, independently of each other.

    A state is multiplied once for all its inputs, and an input that all windows share once for all
    windows: as M sequences of one step each, both would be done B x M times.

    Args:
        rnn: The module whose weights are used, in one direction.
        inputs: Terms whose sum is the input (B, M, F); each may be 1 where it is all the same.
        state: The state to start from, each part (N, B, D).
        masks: Factors (N, B, D) of the state; None: none.

    Returns:
        Outputs of the top layer (B, M, D).
    """
    terms = inputs
    for layer, (weight_in, weight, bias_in, bias) in enumerate(rnn.all_weights):
        projected = functional.linear(terms[0], weight_in, bias_in)
        for term in terms[1:]:
            projected = projected + functional.linear(term, weight_in)
        output, *_ = advance(
            rnn.mode,
            projected,
            tuple(part[layer].unsqueeze(1) for part in state),
            weight=weight,
            bias=bias,
            mask=None if masks is None else masks[layer].unsqueeze(1),
        )
        terms = [functional.dropout(output, rnn.dropout, rnn.training)]
    return output


def _run_direction(
    mode: str,
    below: Tensor,
    state: State,
    *,
    weights: Sequence[Tensor],
    present: Tensor | None,
    mask: Tensor | None,
    backward: bool,
) -> tuple[Tensor, State]:
    weight_in, weight, bias_in, bias = weights
    # unbind, not an index in the loop: the gradient of an index is as large as all the steps
    projected = functional.linear(below, weight_in, bias_in).unbind(0)
    here = None if present is None else present.unbind(0)
    outputs = []
    order = range(len(projected))
    for step in reversed(order) if backward else order:
        after = advance(mode, projected[step], state, weight=weight, bias=bias, mask=mask)
        if here is not None:
            after = tuple(
                torch.where(here[step], new, old) for new, old in zip(after, state, strict=True)
            )
        state = after
        outputs.append(state[0])
    stacked = torch.stack(outputs[::-1] if backward else outputs)
    return (stacked if present is None else stacked * present), state
