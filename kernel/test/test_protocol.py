"""The rest of Jupyter's protocol: input, history, expressions, comms, requests that make no sense."""

import time
from pathlib import Path
from queue import Empty

import pytest
from conftest import Kernel, Message, wait_until


def answer_input(kernel: Kernel, value: str) -> Message:
    """Waits until the kernel asks for a line, and gives it."""
    message = kernel.client.get_stdin_msg(timeout=20)
    assert message["msg_type"] == "input_request"
    kernel.client.input(value)
    return message["content"]


def ask(kernel: Kernel, kind: str, content: Message, channel: str = "shell") -> Message:
    request = kernel.client.session.msg(kind, content)
    getattr(kernel.client, f"{channel}_channel").send(request)
    if channel == "shell":
        return kernel.reply(request["header"]["msg_id"])
    return kernel.client.get_control_msg(timeout=20)["content"]


def test_prompt_and_confirm_ask_the_front_end(shared: Kernel):
    request = shared.submit("const given = prompt('name?')\nconst sure = confirm('sure?');\n[given, sure]")
    assert answer_input(shared, "Lion") == {"prompt": "name? ", "password": False}
    assert answer_input(shared, "y")["prompt"] == "sure? [y/N] "
    assert shared.collect(request).result == "[ 'Lion', true ]"


def test_readline_asks_the_front_end(shared: Kernel):
    request = shared.submit("""
        import readline from 'node:readline/promises'
        const lines = readline.createInterface({ input: process.stdin, output: process.stdout })
        const reply = await lines.question('rate? ')
        lines.close()
        reply
    """)
    answer_input(shared, "0.1")
    execution = shared.collect(request)
    assert (execution.result, "rate? " in execution.text()) == ("0.1", True)
    with pytest.raises(Empty):  # a stream reads ahead, and nobody has asked for another line
        shared.client.get_stdin_msg(timeout=0.2)


def test_standard_input_is_read_line_by_line(shared: Kernel):
    request = shared.submit("""
        import readline from 'node:readline'
        const got: string[] = []
        const both = readline.createInterface({ input: process.stdin })
        for await (const line of both) if (got.push(line) === 2) both.close()
        got
    """)
    for line in ["first", "second"]:
        answer_input(shared, line)
    assert shared.collect(request).result == "[ 'first', 'second' ]"
    request = shared.submit("for await (const chunk of process.stdin) { console.log(String(chunk)); break }")
    answer_input(shared, "third")
    assert shared.collect(request).text() == "third\n\n"


def test_a_reader_of_an_earlier_cell_is_told_that_its_input_has_ended(shared: Kernel):
    shared.value("""
        import { createInterface } from 'node:readline/promises'
        const kept = createInterface({ input: process.stdin })
        await new Promise((done) => setTimeout(done, 50))
    """)
    shared.client.get_stdin_msg(timeout=20)
    assert shared.run("await kept.question('rate? ')").error["evalue"] == "readline was closed"


def test_interrupt_ends_a_question(shared: Kernel):
    request = shared.submit("prompt('for ever?')")
    shared.client.get_stdin_msg(timeout=20)
    shared.manager.interrupt_kernel()
    assert shared.collect(request).error["ename"] == "KeyboardInterrupt"
    assert shared.value("'alive'") == "alive"


def test_history_survives_a_restart(start, small_repository: Path):
    kernel = start(root=small_repository, cwd=small_repository)
    for code in ["'first of all'", "'second'", "'second'"]:
        kernel.value(code)
    kernel.run("'kept out'", store_history=False)
    inputs = [
        entry[2] for entry in ask(kernel, "history_request", {"hist_access_type": "tail", "n": 3})["history"]
    ]
    assert inputs == ["'first of all'", "'second'", "'second'"]
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    kernel.value("'third'")
    found = ask(
        kernel, "history_request", {"hist_access_type": "search", "pattern": "*s?cond*", "unique": True}
    )
    assert [entry[2] for entry in found["history"]] == ["'second'"]
    before = {"hist_access_type": "range", "session": -1, "start": 1, "stop": 3}
    lines = ask(kernel, "history_request", before)["history"]
    assert [entry[1:] for entry in lines] == [[1, "'first of all'"], [2, "'second'"]]


def test_expressions_of_the_client_are_evaluated(shared: Kernel):
    expressions = {"sum": "measured + 1", "wrong": "nowhere", "thrown": "(() => { throw new Error('no') })()"}
    reply = shared.run("const measured = 41", user_expressions=expressions).reply["user_expressions"]
    assert reply["sum"]["data"]["text/plain"] == "42"
    assert (reply["wrong"]["status"], reply["wrong"]["ename"]) == ("error", "TypeScriptError")
    assert reply["thrown"]["evalue"] == "no"


def test_clear_removes_what_was_shown(shared: Kernel):
    shown = shared.run("console.log('old')\nconsole.clear()\nconsole.log('new')")
    assert shown.kinds[1:] == ["stream", "clear_output", "stream"]
    assert shown.of("clear_output") == [{"wait": False}]


def test_comms_are_refused_so_that_nobody_waits(shared: Kernel):
    opened = shared.client.session.msg("comm_open", {"comm_id": "c1", "target_name": "widget", "data": {}})
    shared.client.shell_channel.send(opened)
    closed = [m for m in shared.outputs(opened["header"]["msg_id"]) if m["msg_type"] == "comm_close"]
    assert [message["content"]["comm_id"] for message in closed] == ["c1"]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("execute_request", {}),
        ("execute_request", {"code": 5}),
        ("complete_request", {}),
        ("complete_request", {"code": "Math.", "cursor_pos": "5"}),
        ("inspect_request", {"code": None}),
        ("is_complete_request", {}),
        ("unheard_of_request", {}),
    ],
)
def test_requests_that_make_no_sense_are_answered_with_an_error(shared: Kernel, kind: str, content: Message):
    count = shared.run("1").reply["execution_count"]
    reply = ask(shared, kind, content)
    assert reply["status"] == "error"
    assert kind in reply["evalue"]
    assert shared.run("1").reply["execution_count"] == count + 1


def test_the_ports_are_told(shared: Kernel):
    reply = ask(shared, "connect_request", {})
    assert reply["shell_port"] == shared.manager.shell_port


def test_a_busy_kernel_answers_at_once(shared: Kernel):
    shared.value("const busyRate = 0.5")
    request = shared.submit("console.log('go')\nconst until = Date.now() + 4000\nwhile (Date.now() < until);")
    shared.next_output("stream")
    start = time.monotonic()
    assert ask(shared, "kernel_info_request", {})["status"] == "ok"
    assert "busyRate" in ask(shared, "complete_request", {"code": "busyR", "cursor_pos": 5})["matches"]
    assert ask(shared, "inspect_request", {"code": "busyRate", "cursor_pos": 2})["found"]
    assert ask(shared, "is_complete_request", {"code": "["})["status"] == "incomplete"
    assert time.monotonic() - start < 3
    assert shared.collect(request).status == "ok"


def test_a_kernel_that_has_just_started_answers_at_once(start):
    kernel = start()
    # It was ready before TypeScript had read its libraries, which takes a second.
    assert kernel.seconds_to_start < 5
    assert kernel.value("1 + 1") == "2"


def test_clients_that_come_later_are_welcomed_and_hear_everything(shared: Kernel):
    other = shared.manager.client()
    other.start_channels(shell=False, stdin=False, control=False, hb=False)
    assert other.get_iopub_msg(timeout=20)["msg_type"] == "iopub_welcome"
    shared.value("console.log('for all')")

    def hears() -> bool:
        try:
            return other.get_iopub_msg(timeout=1)["content"].get("text") == "for all\n"
        except Empty:
            return False

    assert wait_until(hears, within=10)
    other.stop_channels()
