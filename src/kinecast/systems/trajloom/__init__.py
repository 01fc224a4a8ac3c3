"""TrajLoom: futures of a history of tracks; our own small model and the published networks."""
