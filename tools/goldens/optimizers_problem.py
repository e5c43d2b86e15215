"""The parameters and gradients of all golden trajectories, and the form in which they are kept."""

import json

import numpy as np

START = {"matrix": [[0.5, -1.25], [2.0, 0.75], [-0.25, 1.5]], "vector": [1.0, -0.5, 0.25, 3.0]}
STEPS = 5


def gradients(step, start=START):
    """Numbers that float32 holds exactly, different for each element and step."""
    return {
        name: np.array(
            [((7 * i + 5 * step * step + 3) % 23 - 11) / 8 for i in range(np.size(value))]
        ).reshape(np.shape(value))
        for name, value in start.items()
    }


def flat(values):
    return {name: np.ravel(value).tolist() for name, value in values.items()}


def write(source, cases, start=START):
    """Prints {name: (trajectory, options of our optimizer)}; a name begins with that of our optimizer."""
    goldens = {
        "source": source,
        "shapes": {name: np.shape(value) for name, value in start.items()},
        "start": flat(start),
        "gradients": [flat(gradients(step, start)) for step in range(STEPS)],
        "cases": [
            {"name": name, "optimizer": name.split()[0], "options": options, "path": path}
            for name, (path, options) in cases.items()
        ],
    }
    print(json.dumps(goldens, indent=1))
