"""The machine that folds the log into the read models: runners, passes, checkpoints, guards."""
