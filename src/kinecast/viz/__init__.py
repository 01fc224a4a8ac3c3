"""Pictures and videos of tracks and forecasts."""
