"""Files in and out: videos, images, tracks, forecasts, checkpoints."""
