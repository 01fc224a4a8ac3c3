"""WHN: forecasts from one image (What Happens Next?, arXiv 2509.21592)."""
