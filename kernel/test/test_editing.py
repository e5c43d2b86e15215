"""What an editor asks for: completion, inspection, whether a cell is complete."""

import pytest
from conftest import Kernel, Message


@pytest.fixture(scope="module", autouse=True)
def declared(shared: Kernel):
    shared.value("""
        interface Optimizer {
            learningRate: number
            /** Applies one step. */
            applyStep(gradient: number[]): void
        }
        const optimizer: Optimizer = { learningRate: 0.1, applyStep() {} }
        const Δlearning = 1
    """)


def complete(kernel: Kernel, code: str, cursor: int | None = None) -> Message:
    reply = kernel.reply(kernel.client.complete(code, len(code) if cursor is None else cursor))
    assert reply["status"] == "ok"
    return reply


def inspect(kernel: Kernel, code: str, cursor: int) -> Message:
    return kernel.reply(kernel.client.inspect(code, cursor))


def test_members_are_completed_with_their_kind(shared: Kernel):
    reply = complete(shared, "optimizer.")
    assert reply["matches"] == ["applyStep", "learningRate"]
    assert (reply["cursor_start"], reply["cursor_end"]) == (10, 10)
    assert reply["metadata"]["_jupyter_types_experimental"] == [
        {"text": "applyStep", "type": "method", "start": 10, "end": 10},
        {"text": "learningRate", "type": "property", "start": 10, "end": 10},
    ]


def test_a_prefix_is_replaced(shared: Kernel):
    reply = complete(shared, "const rate = optimizer.lear + 1", 27)
    assert reply["matches"][0] == "learningRate"
    assert (reply["cursor_start"], reply["cursor_end"]) == (23, 27)


def test_positions_count_characters_beyond_the_basic_plane_once(shared: Kernel):
    code = "const lion = '🦁🦁'; optimizer.lear"
    reply = complete(shared, code)
    assert reply["matches"][0] == "learningRate"
    assert code[reply["cursor_start"] : reply["cursor_end"]] == "lear"
    info = inspect(shared, "'🦁'; optimizer", 7)
    assert "const optimizer: Optimizer" in info["data"]["text/plain"]


def test_names_of_the_cell_and_of_earlier_cells_are_completed(shared: Kernel):
    assert "optimizer" in complete(shared, "opti")["matches"]
    assert "Δlearning" in complete(shared, "Δle")["matches"]
    assert "localName" in complete(shared, "const localName = 1\nlocalN")["matches"]


def test_inspection_shows_type_and_documentation(shared: Kernel):
    reply = inspect(shared, "optimizer.applyStep([1])", 14)
    assert reply["found"] is True
    assert "(method) Optimizer.applyStep(gradient: number[]): void" in reply["data"]["text/plain"]
    assert "Applies one step." in reply["data"]["text/plain"]
    assert reply["data"]["text/markdown"].startswith("```typescript\n(method) Optimizer.applyStep")


def test_where_nothing_is_known_nothing_is_found(shared: Kernel):
    reply = inspect(shared, "   ", 1)
    assert (reply["status"], reply["found"], reply["data"]) == ("ok", False, {})


def test_editing_does_not_change_the_session(shared: Kernel):
    complete(shared, "const onlyTyped = 1; onlyT")
    assert "Cannot find name 'onlyTyped'" in shared.run("onlyTyped").error["evalue"]


def test_completion_works_while_a_cell_runs(shared: Kernel):
    request = shared.submit(
        "console.log('go')\nawait new Promise((resolve) => setTimeout(resolve, 1500))\n'done'"
    )
    shared.next_output("stream")
    assert "learningRate" in complete(shared, "optimizer.")["matches"]
    states = [message for message in shared.outputs(request) if message["msg_type"] == "status"]
    assert [state["content"]["execution_state"] for state in states] == ["busy", "idle"]
    assert shared.reply(request)["status"] == "ok"


@pytest.mark.parametrize(
    ("code", "status"),
    [("1 + 1", "complete"), ("function f() {", "incomplete"), ("const a = [1,", "incomplete")],
)
def test_completeness(shared: Kernel, code: str, status: str):
    assert shared.reply(shared.client.is_complete(code))["status"] == status
