"""Any other method: the neutral layout with everything stated."""

from kinecast.bench.readers.neutral import neutral_reader

READER = neutral_reader(
    name="arrays",
    about="any method whose output is an array",
    convention="as stated by options",
)
