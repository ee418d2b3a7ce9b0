"""The networks, from architecture to forecasts of a table.

`network` and `probabilistic` are the architectures and losses; `training` trains all seeds at once,
step by step (`steps`); `ensemble` is what comes out, `weights` its file, `forecasting` its use.
"""

MODEL_FILE = "model.safetensors"
"""What the file of a trained model is called."""
