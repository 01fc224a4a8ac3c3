"""Training: recipes, one linear loop, and the clips it sees."""
