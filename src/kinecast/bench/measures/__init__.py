"""The numbers of one forecast, a few files by what they say."""
