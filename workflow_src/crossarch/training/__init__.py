"""Training: from a prepared training set and test set to a trained network and its metrics.

`train_run` is the stage's whole work for one run; `trainer.train` is the loop itself.
"""
