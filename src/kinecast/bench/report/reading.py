"""How to read a report: the last part of each."""

from kinecast.metrics.bootstrap import RESAMPLES

READING = (
    "Every method forecasts the same cases by the same protocol. Rows stand in one order: models; "
    "the fixed opponent, which is the trivial forecast that was best on validation clips of this "
    "kind of data and is never chosen anew; standing still, going straight on, and whichever "
    "trivial forecast happens to be best on these cases; then rows for sanity: another true future "
    "or the truth itself, and a tracker that was given the future's frames.",
    f"Intervals: the cases' scenes are drawn again {RESAMPLES:,} times, with all their cases, and "
    "95 % of the means lie between the two numbers. They say how far a mean would wander on other "
    "scenes of the same kind; not what another seed of the samples, another training run or "
    "another tracker would change. A group of one scene has none. With fewer than ten scenes or "
    "so they are too narrow.",
    "p-values: if a method and its opponent were alike, each scene's difference could as well have "
    "had the other sign. p is the share of all choices of signs (beyond 13 scenes: of 9,999 random "
    "ones) whose mean difference is as far from 0 as the one found; two-sided, and corrected by "
    "Holm's steps for the models of the table. With n scenes p cannot be below 2 / 2^n: five "
    "scenes prove nothing at 5 %.",
    "Bold marks the best number of a column among methods that did every case, trivial ones "
    "included and sanity rows left out; equal as shown, both are bold. No mark where smaller is "
    "not better, or where standing still wins. A method that skipped cases is averaged over "
    "others: the row says how many it did.",
    "Mean, best, one: the error of the samples' mean; of the sample with the lowest error, a joint "
    "choice for all points and frames; and of a single sample on average. Best falls with the "
    "number of samples, and a forecast without samples has one number for all three. Moving points "
    "are those that get farther than 2 % of the frame's diagonal from where they were; a point is "
    "missed where every sample ends farther off than that.",
    "Where a number is missing the metric does not apply; report.json says why, and holds every "
    "number in full.",
)
