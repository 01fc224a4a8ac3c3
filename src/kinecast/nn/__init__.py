"""The transformer core that every network shares."""
