"""What is written of a run while it trains, beside `log.jsonl`: a table always, TensorBoard where it is asked for. Each is a
`Reporter`; one that fails is left out, and the run goes on."""

from nnc.runtime.loggers.together import TENSORBOARD, Together, loggers_of, with_tensorboard

__all__ = ["TENSORBOARD", "Together", "loggers_of", "with_tensorboard"]
