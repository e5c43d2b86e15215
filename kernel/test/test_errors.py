"""Cells that fail: what the error message says, and where it points."""

import re

from conftest import Kernel


def frame(line: int, code: str, mark: str) -> str:
    """A regular expression for a marked line of a code frame."""
    return rf"→\s+{line}  {re.escape(code)}\n\s+{mark}(?!~)"


def test_type_errors_point_at_the_expression(shared: Kernel):
    failed = shared.run("const right = 1\nconst wrong: string = right")
    assert failed.reply["status"] == "error"
    assert failed.error["ename"] == "TypeScriptError"
    count = failed.reply["execution_count"]
    assert (
        failed.error["evalue"] == f"In[{count}]:2:7 TS2322: Type 'number' is not assignable to type 'string'."
    )
    assert re.search(frame(2, "const wrong: string = right", "~~~~~"), failed.traceback)
    assert "Cannot find name" in shared.run("right").error["evalue"]


def test_syntax_errors_point_at_the_place(shared: Kernel):
    failed = shared.run("const list = [1, 2\nconst other = 3")
    assert failed.error["ename"] == "TypeScriptError"
    assert re.search(r"In\[\d+\]:2:1 TS1005: ',' expected\.", failed.error["evalue"])
    assert "→ 2  const other = 3" in failed.traceback


def test_long_explanations_stay_together_and_many_errors_are_cut(shared: Kernel):
    failed = shared.run("const deep: { a: { b: string } } = { a: { b: 1 } } as { a: { b: number } }")
    assert failed.traceback.count("→") == 1
    assert "Types of property 'b' are incompatible." not in failed.error["evalue"]
    many = shared.run("\n".join(f"const e{i}: string = {i}" for i in range(15)))
    assert many.traceback.endswith("… and 5 more.")
    assert many.traceback.count("TS2322") == 10


def test_errors_of_a_source_that_ends_too_early_are_inside_it(shared: Kernel):
    for code in ["const open = [1,", "const text = `abc", "/* open", "function f() {"]:
        failed = shared.run(code)
        assert failed.error["ename"] == "TypeScriptError"
        assert re.match(r"In\[\d+\]:1:\d+ TS", failed.error["evalue"])


def test_thrown_errors_point_at_the_line(shared: Kernel):
    failed = shared.run(
        "const steps = 3\n\nfunction fail(n: number) {\n\tthrow new RangeError(`n = ${n}`)\n}\nfail(steps)"
    )
    count = failed.reply["execution_count"]
    assert (failed.error["ename"], failed.error["evalue"]) == ("RangeError", "n = 3")
    assert {key: failed.reply[key] for key in ("ename", "evalue", "traceback")} == failed.error
    assert re.search(frame(4, " throw new RangeError(`n = ${n}`)", "~~~"), failed.traceback)
    assert f"at fail (In[{count}]:4:8)" in failed.traceback
    assert f"at In[{count}]:6:" in failed.traceback
    assert "kernel/dist" not in failed.traceback and "node:" not in failed.traceback


def test_errors_in_functions_of_earlier_cells_show_both_cells(shared: Kernel):
    defined = shared.run(
        "function checked(x: number) {\n  if (x < 0) throw new Error('below zero')\n  return x\n}"
    )
    failed = shared.run("const before = 1\nchecked(-before)")
    first, second = defined.reply["execution_count"], failed.reply["execution_count"]
    assert f"at checked (In[{first}]:2:20)" in failed.traceback
    assert f"at In[{second}]:2:" in failed.traceback
    assert "→ 2    if (x < 0) throw new Error('below zero')" in failed.traceback
    assert "→ 2  checked(-before)" in failed.traceback


def test_errors_after_await_point_at_the_line(shared: Kernel):
    failed = shared.run(
        "const later = async () => {\n  await null\n  throw new Error('later')\n}\nawait later()"
    )
    assert "→ 3    throw new Error('later')" in failed.traceback
    assert re.search(r"at async In\[\d+\]:5:1", failed.traceback)


def test_causes_are_told_in_order(shared: Kernel):
    failed = shared.run("""
        const root = new TypeError('the reason')
        const middle = new Error('in between', { cause: root })
        throw new Error('outermost', { cause: middle })
    """)
    told = [line for line in failed.traceback.split("\n") if re.match(r"(\w*Error|Caused by)", line)]
    assert told == [
        "Error: outermost",
        "Caused by:",
        "Error: in between",
        "Caused by:",
        "TypeError: the reason",
    ]
    circular = shared.run("const self = new Error('self'); self.cause = self; throw self")
    assert circular.traceback.count("Error: self") == 1


def test_each_part_of_an_aggregate_error_is_told(shared: Kernel):
    failed = shared.run("await Promise.any([Promise.reject(new Error('one')), Promise.reject('two')])")
    assert failed.error["ename"] == "AggregateError"
    assert "Error 1 of 2:\nError: one" in failed.traceback
    assert "Error 2 of 2:\nThrown: 'two'" in failed.traceback


def test_values_that_are_not_errors_are_reported(shared: Kernel):
    for code, value in [
        ("throw 'text'", "'text'"),
        ("throw { code: 7 }", "{ code: 7 }"),
        ("throw undefined", "undefined"),
    ]:
        failed = shared.run(code)
        assert (failed.error["ename"], failed.error["evalue"]) == ("Thrown", value)
        assert "Throw new Error(…) instead" in failed.traceback


def test_errors_that_cannot_be_looked_at_are_reported(shared: Kernel):
    failed = shared.run("throw new Proxy(new Error('x'), { get() { throw new Error('trap') } })")
    assert failed.error["evalue"].endswith("looking at it throws: Error: trap")
    assert shared.value("'alive'") == "alive"


def test_names_and_messages_are_free_of_terminal_colours(shared: Kernel):
    failed = shared.run(r"throw new Error('\u001b[31mred\u001b[0m')")
    assert failed.error["evalue"] == "red"
    assert "\x1b" not in failed.error["ename"] + shared.run("const x: string = 1").error["evalue"]


def test_custom_errors_keep_their_name(shared: Kernel):
    code = "class ShapeError extends Error { override name = 'ShapeError' }\nthrow new ShapeError('2 ≠ 3')"
    assert shared.run(code).error["ename"] == "ShapeError"


def test_stacks_that_a_cell_prints_are_mapped(shared: Kernel):
    execution = shared.run("const\n  created = new Error('printed')\nconsole.log(created.stack)")
    count = execution.reply["execution_count"]
    assert execution.text() == f"Error: printed\n    at In[{count}]:2:13\n"


def test_library_errors_point_into_its_typescript(elsewhere: Kernel):
    elsewhere.value("import { mean } from './lib/dist/statistics'")
    failed = elsewhere.run("const values: number[] = []\nmean(values)")
    assert failed.error["evalue"] == "mean of nothing"
    assert re.search(r"at mean \(lib/src/statistics\.ts:5:\d+\)", failed.traceback)
    assert "→ 5    if (values.length === 0) throw new RangeError('mean of nothing');" in failed.traceback
    assert "→ 2  mean(values)" in failed.traceback


def test_frames_of_dependencies_are_short(shared: Kernel):
    shared.value("import * as tfForErrors from '@tensorflow/tfjs-node-gpu'")
    failed = shared.run("const a = tfForErrors.ones([2, 3])\ntfForErrors.matMul(a, a)")
    assert "→ 2  tfForErrors.matMul(a, a)" in failed.traceback
    assert failed.traceback.count("node_modules") <= 2


def test_floating_rejections_fail_their_cell(shared: Kernel):
    failed = shared.run("const fine = 1\nvoid Promise.reject(new Error('floating'))\n'never shown'")
    assert (failed.status, failed.error["evalue"]) == ("error", "floating")
    assert "→ 2  void Promise.reject(new Error('floating'))" in failed.traceback
    assert failed.result is None
    assert shared.value("fine") == "1"


def test_errors_in_timers_fail_the_cell_that_waits(shared: Kernel):
    failed = shared.run("""
        setTimeout(() => { throw new Error('from a timer') }, 20)
        await new Promise((resolve) => setTimeout(resolve, 10_000))
    """)
    assert failed.error["evalue"] == "from a timer"


def test_late_errors_are_added_to_their_cell(shared: Kernel):
    request = shared.submit("setTimeout(() => { throw new Error('late') }, 2000)")
    assert shared.collect(request).status == "ok"
    other = shared.run("await new Promise((resolve) => setTimeout(resolve, 10))\n'unharmed'")
    assert other.result == "unharmed"
    message = shared.next_output("error")
    assert message["parent_header"]["msg_id"] == request
    assert message["content"]["evalue"] == "late"
    assert "had already finished" in message["content"]["traceback"][0]


def test_late_errors_fail_the_next_cell_when_nobody_watches(start):
    kernel = start(LIANDAN_CI="1")
    assert (
        kernel.run(
            "void (async () => { await new Promise((r) => setTimeout(r, 50)); throw new Error('late') })()"
        ).status
        == "ok"
    )
    kernel.next_output("error")
    failed = kernel.run("const reached = true\nreached")
    assert failed.status == "error"
    assert failed.error["evalue"] == "In[1] left an error behind after it had finished"
    assert "Caused by:\nError: late" in failed.traceback
    assert "In[1]:1:" in failed.traceback
    assert kernel.run("'and it goes on'").result == "and it goes on"

    kernel.run("setTimeout(() => { throw new Error('later') }, 50)")
    failed = kernel.run("await new Promise((resolve) => setTimeout(resolve, 300))")
    assert "Caused by:\nError: later" in failed.traceback


def test_a_failed_cell_keeps_what_it_defined(shared: Kernel):
    shared.value("const kept = 'old'; let replaced: number = 1; const untouched = 'same'")
    failed = shared.run("""
        interface Shape { sides: number }
        const replaced: string = 'new'
        const { sides }: Shape = { sides: 4 }
        await Promise.reject(new Error('half-way'))
        const kept = 5
        const never = 6
        class NeverEither {}
    """)
    assert failed.error["evalue"] == "half-way"
    assert shared.value("replaced.toUpperCase()") == "NEW"
    assert shared.value("const square: Shape = { sides }\nsquare") == "{ sides: 4 }"
    assert shared.value("kept.length + untouched") == "3same"
    for name in ["unreached", "UnreachedToo"]:
        assert f"Cannot find name '{name}'" in shared.run(name).error["evalue"]


def test_imports_of_a_failed_cell_stay(shared: Kernel):
    shared.run(
        "import { join } from 'node:path'\nimport * as os from 'node:os'\nthrow new Error('after imports')"
    )
    assert shared.value("join('a', 'b') + typeof os.cpus") == "a/bfunction"
    failed = shared.run("import missing from './not/there.json'\nmissing")
    assert "TS2307" in failed.error["evalue"]


def test_queued_cells_are_aborted_after_an_error(shared: Kernel):
    requests = [
        shared.submit(code)
        for code in ["let ran = 'first'", "throw new Error('stop')", "ran = 'third'", "ran = 'fourth'"]
    ]
    replies = {request: shared.reply(request)["status"] for request in requests}
    assert list(replies.values()) == ["ok", "error", "aborted", "aborted"]
    assert shared.value("ran") == "first"


def test_aborted_cells_become_idle_and_show_nothing(shared: Kernel):
    failing, queued = shared.submit("throw new Error('stop')"), shared.submit("console.log('no')")
    shared.outputs(failing)
    states = [(m["msg_type"], m["content"].get("execution_state")) for m in shared.outputs(queued)]
    assert states == [("status", "busy"), ("status", "idle")]


def test_a_queue_goes_on_if_the_client_wants_it(shared: Kernel):
    failing = shared.submit("throw new Error('stop')", stop_on_error=False)
    queued = shared.submit("'went on'")
    assert shared.reply(failing)["status"] == "error"
    assert shared.collect(queued).result == "went on"
