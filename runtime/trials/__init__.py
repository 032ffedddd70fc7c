"""What can be found out before training: the largest batch, a learning rate, whether everything fits, where time goes.

Each is a trial with a network and data of its own, in a folder that is gone afterwards; no run is changed by it.
"""

from nnc.runtime.trials.batch_size import BatchSizes, find_batch_size
from nnc.runtime.trials.dry_run import DryRun, dry_run
from nnc.runtime.trials.learning_rate import Rates, find_learning_rate, write_rates
from nnc.runtime.trials.profile import Profile, profile
from nnc.runtime.trials.trial import Trial, trying

__all__ = [
    "BatchSizes", "DryRun", "Profile", "Rates", "Trial", "dry_run", "find_batch_size", "find_learning_rate", "profile",
    "trying", "write_rates",
]  # fmt: skip
