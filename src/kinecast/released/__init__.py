"""The authors' published weights -> ours: declarative, two-way, strict key rules."""
