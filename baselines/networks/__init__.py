"""The networks, from architecture to forecasts of a table.

`network` has the architectures and losses; `training` trains all seeds at once in the
`environment` there is; `ensemble` is what comes out and its file, `forecasting` its use.
"""

MODEL_FILE = "model.safetensors"
"""What the file of a trained model is called."""

PREDICTED, SEED = "redshift_pred", "redshift_pred_seed_{}"
"""The columns that ``transferz predict`` adds: of all seeds, and of each."""
