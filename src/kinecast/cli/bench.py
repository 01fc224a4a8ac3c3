"""`kinecast bench`: what it measures, a verb each."""

BENCH = {
    "run": ("bench_run:run_suite", "measure models and baselines on a frozen suite"),
    "report": ("bench_report:report_runs", "tables, plots and pictures of runs, as a page"),
    "suites": ("bench_suites:list_suites", "list the suites, and what to fetch for them"),
    "export": ("bench_export:export_suite", "write a suite's inputs for other people's methods"),
    "readers": ("bench_readers:list_readers", "list whose outputs can be read, and their options"),
    "ranking": ("bench_ranking:ranking", "a page for a user study: which motion, blind, in pairs"),
    "votes": ("bench_ranking:votes", "Elo ratings and shares of the votes that such a page saved"),
    "opponents": ("bench_opponents:opponents", "every trivial forecast on validation clips"),
    "switches": ("bench_switches:switches", "what history, anchor and sampler are worth"),
    "speed": ("bench_speed:speed", "operations, seconds and memory of a forecast, by stage"),
    "trackers": ("bench_trackers:trackers", "TAP-Vid metrics of trackers on exact truth"),
    "shards": ("bench_shards:shards", "clips a second that are read from shards"),
}
