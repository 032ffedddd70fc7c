"""Files that are whole or absent: checkpoints, saved models, and what lies in them. No pickle."""
