"""`lengths:` of a recurrent layer: the function that emitted source defines where a layer is called with them.

output, (h_n, c_n) = run_packed(self.lstm, x, lengths)
"""

from __future__ import annotations

__all__ = ["IMPORT", "RUN_PACKED", "SOURCE"]

RUN_PACKED = "run_packed"

IMPORT = "from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence"

SOURCE = '''

def run_packed(layer: nn.RNNBase, x: Tensor, lengths: Tensor, state=None, enforce_sorted: bool = False):
    """Runs `layer` over the first `lengths` (N) steps of each sequence; its output is zero behind them."""
    packed = pack_padded_sequence(x, lengths.cpu(), layer.batch_first, enforce_sorted)
    packed, state = layer(packed, state)
    output, _ = pad_packed_sequence(packed, layer.batch_first, total_length=x.shape[1 if layer.batch_first else 0])
    return output, state'''
