"""Interrupt: cells stop, and the session goes on with what they had reached."""

import os
import re
import signal
import time

import pytest
from conftest import Kernel

BRIDGE = "(globalThis as any)[Symbol.for('liandan.kernel')]"


@pytest.fixture(scope="module")
def kernel(built):
    kernel = Kernel()
    kernel.value(f"const bridge = {BRIDGE} as {{ readonly signal: AbortSignal }}")
    kernel.value("const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))")
    yield kernel
    kernel.stop()


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("console.log('go')\nwhile (true) {\n}", 2),
        ("console.log('go')\nfor (;;);", 2),
        ("await sleep(1)\nconsole.log('go')\nwhile (true) {}", 3),
        ("console.log('go')\nwhile (true) await null", 2),
        ("console.log('go')\nwhile (true)\n  await sleep(5)", 3),
        (
            "console.log('go')\nconst fib = (n: number): number => n < 2 ? n : fib(n - 1) + fib(n - 2)\nfib(80)",
            2,
        ),
        ("console.log('go')\nArray.from({ length: 4e9 }, function () { return 1 }).length", 2),
        ("async function work() {\n  await sleep(1); console.log('go')\n  for (;;) {}\n}\nawait work()", 3),
        # Only loops look after an await inside of a function: those that count themselves look where their own numbers are.
        *[
            (f"async function work() {{\n  await sleep(1); console.log('go')\n  {loop}\n}}\nawait work()", 3)
            for loop in [
                "for (let i = 1; ; i += 2) {}",
                "for (let i = -1; i; i -= 12);",
                "for (let i = 0.25; ; ++i) {}",
                "for (let i = 0.5; ; i += 0.5) {}",
                "for (let i = 1; i < 9; i += 0) {}",
                "for (let i = 1; i < 9; i++) i--;",
                "for (let i = 1; i-- < 9; i++) {}",
                "for (let i = 1; i < 9; i++) ({ i } = { i: 0 });",
                "for (let i = 1; i < 9; i++) { const back = () => { i = 0 }; back() }",
                "for (let i = 1n; ; i++) {}",
                "for (let i = 1, j = 1; i < 9; j++) {}",
            ]
        ],
    ],
)
def test_code_that_ignores_the_signal_is_stopped(kernel: Kernel, code: str, line: int):
    execution, seconds = kernel.interrupt_while_printing(f"const reached = 'this'\n{code}")
    assert (execution.status, execution.error["ename"]) == ("error", "KeyboardInterrupt")
    assert execution.error["evalue"] == "interrupted"
    assert re.search(rf"→ {line + 1}  ", execution.traceback)
    assert seconds < 3
    assert kernel.value("reached") == "this"


@pytest.mark.parametrize(
    "code", ["while (true) {}", "/^(a+)+$/.test('a'.repeat(40) + 'b')", "prompt('for ever?')"]
)
def test_a_request_that_has_arrived_is_interrupted_even_before_it_begins(kernel: Kernel, code: str):
    for blocked in [0, 300]:
        # What an earlier cell left behind keeps the thread from beginning.
        block = "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, {blocked})"
        kernel.value(f"setTimeout(() => {block.format(blocked=blocked)}, 20); 1")
        time.sleep(0.05)
        requests = [kernel.submit(code), kernel.submit("'next'")]
        client = kernel.client
        known = client.session.msg("connect_request", {})
        client.shell_channel.send(known)  # its reply says that the requests before it have arrived
        while client.get_shell_msg(timeout=20)["parent_header"].get("msg_id") != known["header"]["msg_id"]:
            pass
        kernel.manager.interrupt_kernel()
        for request in requests:
            outputs = kernel.outputs(request)
            kernel.reply(request)
            errors = [message["content"]["ename"] for message in outputs if message["msg_type"] == "error"]
            assert errors == (["KeyboardInterrupt"] if request == requests[0] else [])
    assert kernel.value("'alive'") == "alive"


@pytest.mark.parametrize(
    "code",
    [
        "new Function('for (;;);')()",
        "const matched = /^(a+)+$/.test('a'.repeat(40) + 'b')",
        "while (true) { try { for (let i = 0; i < 1e4; i++); } catch {} }",
        "Array.from({ length: 1e6 }, Math.random).sort((a, b) => { for (let i = 0; i < 1e4; i++); return a - b })",
        "require('node:child_process').execSync('sleep 20')",
        "spin(20_000)",
        "await sleep(1); /^(a+)+$/.test('a'.repeat(40) + 'b')",
        "const waited = await sleep(1); await null; new Function('for (;;);')()",
    ],
    ids=[
        "new Function",
        "regular expression",
        "catches all",
        "sort",
        "execSync",
        "user module",
        "after an event",
        "after two",
    ],
)
def test_whatever_keeps_the_thread_is_stopped(kernel: Kernel, code: str, tmp_path_factory):
    if "spin" in code:
        folder = tmp_path_factory.mktemp("spin")
        loop = "const end = Date.now() + ms; while (Date.now() < end);"
        (folder / "spin.ts").write_text(f"export function spin(ms: number) {{ {loop} }}\n")
        kernel.value(f"import {{ spin }} from '{folder / 'spin'}'")
    execution, seconds = kernel.interrupt_while_printing(f"const kept2 = 'kept'\nconsole.log('go')\n{code}")
    assert execution.error["ename"] == "KeyboardInterrupt"
    assert seconds < 3
    assert kernel.value("kept2") == "kept"


def test_an_asynchronous_training_loop_returns_what_it_has(kernel: Kernel):
    kernel.value("""
        async function train(epochs: number): Promise<number[]> {
            const losses: number[] = []
            for (let epoch = 0; epoch < epochs; epoch++) {
                if (bridge.signal.aborted) break
                losses.push(epoch)
                console.log(epoch)
                await sleep(50)
            }
            return losses
        }
    """)
    execution, seconds = kernel.interrupt_while_printing("const losses = await train(10_000)\nlosses.length")
    assert execution.status == "ok"
    assert execution.kinds.count("error") == 0
    assert seconds < 0.8
    assert kernel.value("losses.length > 0 && losses.length < 100") == "true"


def test_a_step_may_be_longer_than_the_grace_of_other_code(kernel: Kernel):
    execution, seconds = kernel.interrupt_while_printing("""
        const { signal } = bridge
        let steps = 0
        while (!signal.aborted) {
            console.log('step')
            await sleep(1800)
            steps += 1
        }
        steps
    """)
    assert (execution.status, execution.result) == ("ok", "1")
    assert seconds < 2.5


def test_a_synchronous_library_loop_sees_the_signal(kernel: Kernel):
    # Code from `new Function` has no checkpoints, like the code of a library.
    execution, seconds = kernel.interrupt_while_printing("""
        const spin = new Function('signal', 'let n = 0; while (!signal.aborted) n++; return n')
        console.log('go')
        const spins: number = spin(bridge.signal)
        spins > 0
    """)
    assert (execution.status, execution.result) == ("ok", "true")
    assert seconds < 1


def test_the_reason_of_the_signal_is_the_interrupt(kernel: Kernel):
    execution, seconds = kernel.interrupt_while_printing("""
        console.log('go')
        for (;;) {
            bridge.signal.throwIfAborted()
            await sleep(10)
        }
    """)
    assert execution.error["ename"] == "KeyboardInterrupt"
    assert seconds < 0.8


def test_a_promise_that_never_settles_is_given_up(kernel: Kernel):
    execution, seconds = kernel.interrupt_while_printing(
        "console.log('go')\nconst kept = 1\nconst nothing = await new Promise<number>(() => {})"
    )
    assert execution.error["ename"] == "KeyboardInterrupt"
    assert "may go on in the background" in execution.error["evalue"]
    assert seconds < 3
    assert kernel.value("kept") == "1"
    assert "Cannot find name 'nothing'" in kernel.run("nothing").error["evalue"]


def test_a_second_interrupt_does_not_wait(kernel: Kernel):
    request = kernel.submit("""
        const patient = bridge.signal
        console.log('go')
        while (true) await sleep(10)
    """)
    kernel.next_output("stream")
    start = time.monotonic()
    kernel.manager.interrupt_kernel()
    time.sleep(0.2)
    kernel.manager.interrupt_kernel()
    assert kernel.collect(request).error["ename"] == "KeyboardInterrupt"
    assert time.monotonic() - start < 1.5


def test_abandoned_code_cannot_overwrite_later_results(kernel: Kernel):
    execution, _ = kernel.interrupt_while_printing("""
        console.log('go')
        const answer = await new Promise<string>((resolve) => setTimeout(() => resolve('stale'), 2500))
        console.log('the stale code went on')
    """)
    assert execution.status == "error"
    kernel.value("const answer = 'fresh'")
    assert kernel.value("await sleep(2000)\nanswer") == "fresh"


def test_what_an_interrupted_cell_left_running_stops_too(kernel: Kernel):
    kernel.value("let strays = 0")
    execution, _ = kernel.interrupt_while_printing("""
        void (async () => { for (;;) { strays += 1; await sleep(20) } })()
        console.log('go')
        while (true) {}
    """)
    assert execution.error["ename"] == "KeyboardInterrupt"
    stopped = kernel.value("await sleep(100)\nstrays")
    assert kernel.value("await sleep(200)\nstrays") == stopped


def test_an_interrupt_stops_the_queue(kernel: Kernel):
    first = kernel.submit("console.log('go')\nwhile (!bridge.signal.aborted) await sleep(10)\n'partial'")
    second = kernel.submit("const mustNotRun = 1")
    kernel.next_output("stream")
    kernel.manager.interrupt_kernel()
    assert kernel.collect(first).result == "partial"
    assert kernel.reply(second)["status"] == "aborted"


def test_an_interrupt_of_an_idle_kernel_harms_nothing(kernel: Kernel):
    kernel.manager.interrupt_kernel()
    time.sleep(0.2)
    code = "let total = 0\nfor (let i = 0; i < 10; i++) { await sleep(150); total += i }\ntotal"
    assert kernel.value(code) == "45"


def test_the_signal_of_the_process_interrupts_too(kernel: Kernel):
    request = kernel.submit("console.log('go')\nwhile (true) await sleep(10)")
    kernel.next_output("stream")
    os.kill(kernel.pid, signal.SIGINT)
    assert kernel.collect(request).error["ename"] == "KeyboardInterrupt"


def test_checkpoints_cost_little(kernel: Kernel):
    shown = kernel.value("""
        const begin = performance.now()
        let sum = 0
        for (let i = 0; i < 1e7; i++) sum += i
        performance.now() - begin
    """)
    assert float(shown) < 2000
    again = kernel.value(
        "const begin2 = performance.now(); for (let i = 0; i < 1e6; i++) sum += i; performance.now() - begin2"
    )
    assert float(again) < 1000
