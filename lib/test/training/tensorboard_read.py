"""Prints the scalars of a folder as TensorBoard itself reads them: JSON, tag to [step, value] pairs."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1])
events.Reload()
scalars = {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
json.dump(scalars, sys.stdout)
