"""What the peers have in common: reading the numbers that all implementations start from, and answering requests.

A request is a line of JSON on standard input, its answer a line on standard output:
  {"prepare": <folder>, "workload": ..., "optimizer": ..., "mode": ...} -> {"startMs": ..., "loss": ..., "stepsPerCall": ...}
  {"run": <steps>}                                                      -> {"ms": ..., "loss": ...}
"""

import json
import os
import sys
import time

import numpy as np

BATCHES = 8


def load(folder):
    """The weights and the data of a workload as arrays, and its sizes."""
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    content = np.fromfile(os.path.join(folder, "values.bin"), dtype=np.uint8)

    def arrays(entries):
        return {
            entry["name"]: content[entry["offset"] : entry["offset"] + entry["bytes"]]
            .view(entry["dtype"])
            .reshape(entry["shape"])
            .copy()
            for entry in entries
        }

    return arrays(manifest["weights"]), arrays(manifest["data"])


def loss_of(workload, functions):
    """The function of a peer, among its `functions`, that computes the loss of a workload."""
    # The perceptrons of different widths share one.
    name = {"masked-lm": "masked_language_model"}.get(workload, workload.split("-")[0])
    return functions[name]


class Runner:
    """Takes steps on batch after batch. `take(first, steps)` gives the loss of the last one, which `read` makes a number.

    `steps_per_call` is the number of steps that one call takes, where it is always the same.
    """

    def __init__(self, take, read, steps_per_call=1):
        self.take, self.read, self.steps_per_call, self.taken = take, read, steps_per_call, 0

    def run(self, steps):
        start = time.perf_counter()
        loss = self.take(self.taken, steps)
        self.taken += steps
        value = self.read(loss)
        return {"ms": (time.perf_counter() - start) * 1e3, "loss": value}


def one_by_one(step):
    """Steps of which `step(i)` takes one on batch i."""

    def take(first, steps):
        for i in range(first, first + steps):
            loss = step(i % BATCHES)
        return loss

    return take


def serve(make, description):
    """Answers requests; `make(folder, workload, optimizer, mode)` gives the arguments of a Runner."""
    print(json.dumps(description), flush=True)
    runner = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                runner = None
                start = time.perf_counter()
                parts = (request[key] for key in ("prepare", "workload", "optimizer", "mode"))
                runner = Runner(*make(*parts))
                first = runner.run(1)
                answer = {
                    "startMs": (time.perf_counter() - start) * 1e3,
                    "loss": first["loss"],
                    "stepsPerCall": runner.steps_per_call,
                }
            else:
                answer = runner.run(request["run"])
        except Exception as error:  # noqa: BLE001 - whatever a peer cannot do is reported and the benchmark goes on
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)
