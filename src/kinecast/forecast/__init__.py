"""The product as a library: load a model, forecast a history."""
