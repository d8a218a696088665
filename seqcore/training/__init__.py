"""The training loop and its state: optimizers, schedules, checkpoints, control, random state, devices."""
