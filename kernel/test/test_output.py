"""Output: complete, in order, and below the cell that wrote it."""

import time

from conftest import Kernel


def test_fifty_thousand_lines_arrive_in_order(shared: Kernel):
    start = time.monotonic()
    execution = shared.run("for (let i = 0; i < 50_000; i++) console.log(`line ${i}`)")
    elapsed = time.monotonic() - start
    assert execution.status == "ok", execution.traceback
    assert execution.text().splitlines() == [f"line {i}" for i in range(50_000)]
    assert elapsed < 10


def test_fifty_thousand_displays_arrive_in_order(shared: Kernel):
    execution = shared.run("""
        const bridgeForMany = (globalThis as any)[Symbol.for('liandan.kernel')]
        for (let i = 0; i < 5_000; i++) bridgeForMany.display({ 'text/plain': String(i) })
    """)
    assert [content["data"]["text/plain"] for content in execution.of("display_data")] == [
        str(i) for i in range(5_000)
    ]


def test_stdout_stderr_and_displays_keep_their_order(shared: Kernel):
    execution = shared.run("""
        const bridgeForOrder = (globalThis as any)[Symbol.for('liandan.kernel')]
        for (let i = 0; i < 100; i++) {
            console.log(`out ${i}`)
            console.error(`err ${i}`)
            bridgeForOrder.display({ 'text/plain': `display ${i}` })
        }
        'result'
    """)
    seen = []
    for message in execution.messages:
        content = message["content"]
        if message["msg_type"] == "stream":
            seen.append((content["name"], content["text"]))
        elif message["msg_type"] in ("display_data", "execute_result"):
            seen.append((message["msg_type"], content["data"]["text/plain"]))
    expected = []
    for i in range(100):
        expected += [("stdout", f"out {i}\n"), ("stderr", f"err {i}\n"), ("display_data", f"display {i}")]
    assert seen == [*expected, ("execute_result", "result")]


def test_output_of_a_busy_loop_arrives_while_it_runs(shared: Kernel):
    request = shared.submit("""
        console.log('started')
        console.log('still here')
        const busyUntil = Date.now() + 2500
        while (Date.now() < busyUntil);
    """)
    start = time.monotonic()
    text = ""
    while "still here" not in text:
        text += shared.next_output("stream")["content"]["text"]
    assert time.monotonic() - start < 1.5
    assert shared.collect(request).status == "ok"


def test_text_in_pieces_and_encodings(shared: Kernel):
    execution = shared.run("""
        const euro = Buffer.from('€')
        process.stdout.write(euro.subarray(0, 1))
        process.stdout.write(euro.subarray(1))
        process.stdout.write('e2989e', 'hex')
        await new Promise<void>((resolve) => process.stdout.write(' done', () => resolve()))
    """)
    assert execution.text() == "€☞ done"


def test_timers_write_below_the_cell_that_started_them(shared: Kernel):
    request = shared.submit("""
        let ticks = 0
        const timer = setInterval(() => {
            console.log(`tick ${++ticks}`)
            if (ticks === 3) clearInterval(timer)
        }, 150)
    """)
    shared.collect(request)
    other = shared.run("console.log('other cell')\nawait new Promise((resolve) => setTimeout(resolve, 100))")
    assert other.text() == "other cell\n"
    text = ""
    while "tick 3" not in text:
        message = shared.next_output("stream")
        assert message["parent_header"]["msg_id"] == request
        text += message["content"]["text"]


def test_output_of_awaited_work_comes_before_idle(shared: Kernel):
    execution = shared.run("""
        for (let i = 0; i < 3; i++) {
            await new Promise((resolve) => setTimeout(resolve, 20))
            console.log(i)
        }
    """)
    assert execution.text() == "0\n1\n2\n"
    assert execution.messages[-1]["content"] == {"execution_state": "idle"}


def test_each_message_has_an_identity_of_its_own(shared: Kernel):
    execution = shared.run("console.log(1); console.error(2); 3")
    identifiers = [message["header"]["msg_id"] for message in execution.messages]
    assert len(set(identifiers)) == len(identifiers)


def test_what_goes_to_descriptors_is_shown(shared: Kernel):
    shared.value("""
        import fs from 'node:fs'
        import { execSync, fork, spawn, spawnSync } from 'node:child_process'
        import { once } from 'node:events'
    """)
    execution = shared.run("""
        fs.writeSync(1, 'descriptor\\n')
        fs.writeSync(2, Buffer.from('-error\\n'), 1)
        const { status, stdout } = spawnSync('echo', ['now'], { stdio: 'inherit' })
        execSync('echo shell; echo complaint >&2', { stdio: 'inherit' })
        const child = spawn('sh', ['-c', 'echo later; exit 3'], { stdio: 'inherit' });
        const [code] = await once(child, 'close');
        [status, stdout, code, child.stdout]
    """)
    assert execution.result == "[ 0, null, 3, null ]"
    assert execution.text() == "descriptor\nnow\nshell\nlater\n"
    assert execution.text("stderr") == "error\ncomplaint\n"
    failed = shared.run("execSync('exit 4', { stdio: 'inherit' })")
    assert failed.error["evalue"] == "Command failed: exit 4"
    assert shared.value("spawnSync('echo', ['kept']).stdout.toString()") == "kept\n"
