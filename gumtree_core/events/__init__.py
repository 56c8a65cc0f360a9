"""Event streams: neutrons one by one, read from files or as they come, and what they are summed to."""

from gumtree_core.events.eos import read_eos, read_histogram_edges
from gumtree_core.events.events import Events
from gumtree_core.events.histograms import EventHistogram, histogram
from gumtree_core.events.nexus import read_nexus_events
from gumtree_core.events.nexus_writing import write_nexus_events
from gumtree_core.events.reading import binned, read_events, read_slices
from gumtree_core.events.splits import Phases, Split, TimeSlices

__all__ = [
    "EventHistogram",
    "Events",
    "Phases",
    "Split",
    "TimeSlices",
    "binned",
    "histogram",
    "read_eos",
    "read_events",
    "read_histogram_edges",
    "read_nexus_events",
    "read_slices",
    "write_nexus_events",
]
