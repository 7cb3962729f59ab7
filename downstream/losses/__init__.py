"""Losses of stage 2: pure functions of scores and labels, without settings and without state.

`downstream.methods.training_loss` adds them up by their weights in the settings.
"""
