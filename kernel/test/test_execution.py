"""Cells that succeed: numbering, results, outputs and the names that later cells see."""

import json
from pathlib import Path

import pytest
from conftest import Kernel, wait_until


def test_execution_counts_follow_the_cells(shared: Kernel):
    first, second = shared.run("1 + 1"), shared.run("'two'")
    count = first.reply["execution_count"]
    assert second.reply["execution_count"] == count + 1
    assert first.of("execute_input") == [{"code": "1 + 1", "execution_count": count}]
    assert first.of("execute_result") == [
        {"data": {"text/plain": "2"}, "metadata": {}, "execution_count": count}
    ]

    failed = shared.run("throw new Error('counts too')")
    assert failed.reply["execution_count"] == count + 2

    hidden = shared.run("'no history'", store_history=False)
    assert hidden.result == "no history"
    assert hidden.reply["execution_count"] == count + 2
    assert shared.run("4").reply["execution_count"] == count + 3


def test_silent_cells_run_without_output(shared: Kernel):
    count = shared.run("1").reply["execution_count"]
    silent = shared.run("const quiet = 5; console.log('nothing'); quiet", silent=True)
    assert silent.status == "ok"
    assert silent.kinds == []
    failed = shared.run("throw new Error('kept to the reply')", silent=True)
    assert failed.kinds == []
    assert failed.reply["evalue"] == "kept to the reply"
    shown = shared.run("quiet")
    assert (shown.result, shown.reply["execution_count"]) == ("5", count + 1)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("undefined", None),
        ("const declaredOnly = 1", None),
        ("null", "null"),
        ("false", "false"),
        ("'text\\nas it is'", "text\nas it is"),
        ("({ a: [1, { b: 2 }] })", "{ a: [ 1, { b: 2 } ] }"),
        ("new Map([['k', 1]])", "Map(1) { 'k' => 1 }"),
        ("Buffer.from('ab')", "<Buffer 61 62>"),
        ("await Promise.resolve(42)", "42"),
        ("let a1 = 1\nfor await (const step of [Promise.resolve(2)]) a1 += step\na1", "3"),
        ("class Celsius { toString() { return '20 °C' } }\nnew Celsius()", "20 °C"),
        (
            "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>x</b>', 'text/plain': 'x' }) })",
            "x",
        ),
    ],
)
def test_the_last_expression_is_shown(shared: Kernel, code: str, shown: str | None):
    assert shared.value(code) == shown


def test_a_display_method_must_return_a_bundle(shared: Kernel):
    failed = shared.run("({ [Symbol.for('Jupyter.display')]: () => 'text' })")
    assert failed.error["ename"] == "TypeError"
    assert "must return an object of MIME types, not 'text'" in failed.error["evalue"]


def test_tensors_are_shown_with_shape_and_values(shared: Kernel):
    shared.value("import * as tf from '@tensorflow/tfjs-node-gpu'")
    assert shared.value("tf.getBackend()") == "tensorflow"
    shown = shared.value("const matrix = tf.tensor2d([[1, 2], [3, 4]])\nmatrix")
    assert shown is not None
    assert "shape: [2,2]" in shown
    assert "[[1, 2]," in shown
    assert shared.value("matrix.dispose()\nmatrix") is not None


def test_the_library_is_typed_and_there_is_one_tensorflow(shared: Kernel):
    shared.value("import { StepCounter } from 'liandan'")
    assert shared.value("new StepCounter().advance()") == "1"
    wrong = shared.run("const counted: string = new StepCounter().advance()")
    assert "TS2322" in wrong.error["evalue"]
    shared.value("import * as engine from '@tensorflow/tfjs-node-gpu'\nimport * as dfd from 'danfojs-node'")
    same = "(dfd as unknown as { tensorflow: { engine(): unknown } }).tensorflow.engine() === engine.engine()"
    assert shared.value(same) == "true"


def test_names_of_earlier_cells_can_be_used_everywhere(shared: Kernel):
    shared.value("""
        interface Settings { rate: number; nested: { depth: number } }
        const settings: Settings = { rate: 3, nested: { depth: 7 } }
        let counter = 1
        function advance() { counter += 1; return counter }
        class Base { value = 5 }
        enum Kind { first, second }
        function receiver(this: unknown) { return this }
    """)
    assert shared.value("({ counter, advance }).advance()") == "2"
    assert shared.value("const { rate: speed, nested: { depth } } = settings;\n[speed, depth]") == "[ 3, 7 ]"
    assert (
        shared.value("const f = ({ rate = counter }: Partial<Settings>) => rate\nf({}) + f(settings)") == "5"
    )
    assert shared.value("({ rate: counter } = settings)\ncounter") == "3"
    assert (
        shared.value("class Derived extends Base { counter() { return counter } }\nnew Derived().value")
        == "5"
    )
    assert shared.value("[Kind.second, `${counter}`, typeof counter]") == "[ 1, '3', 'number' ]"
    assert shared.value("receiver() === undefined") == "true"


def test_functions_see_what_later_cells_assign(shared: Kernel):
    shared.value("let position = 0\nconst move = () => ++position")
    shared.value("position = 100")
    assert shared.value("move()\nposition") == "101"


def test_names_can_be_declared_again(shared: Kernel):
    shared.value("const again: number = 1")
    assert shared.value("const again: string = 'two'\nagain.toUpperCase()") == "TWO"


def test_cells_are_strict(shared: Kernel):
    assert "TS7006" in shared.run("const loose = (x) => x").error["evalue"]
    assert "TS2531" in shared.run("[1].find(Boolean); (null as Date | null).getTime()").error["evalue"]
    frozen = shared.run("(Object.freeze({ a: 1 }) as { a: number }).a = 2")
    assert frozen.error["ename"] == "TypeError"


def test_the_working_directory_is_the_repository(elsewhere: Kernel, small_repository: Path):
    assert elsewhere.value("process.cwd()") == str(small_repository)
    elsewhere.value("const bridge = (globalThis as any)[Symbol.for('liandan.kernel')]")
    assert elsewhere.value("bridge.root") == str(small_repository)
    assert elsewhere.value("bridge.notebookDir") == str(small_repository / "notebooks")
    numbered = elsewhere.run("bridge.executionCount")
    assert numbered.result == str(numbered.reply["execution_count"])


def test_displays_carry_metadata_and_can_be_replaced(shared: Kernel):
    shared.value("const kernelBridge = (globalThis as any)[Symbol.for('liandan.kernel')]")
    shown = shared.run("""
        kernelBridge.display({ 'text/plain': 'a' }, { metadata: { liandan: { figure: 'f' } } })
        kernelBridge.display({ 'text/plain': 'step 1' }, { displayId: 'progress' })
        console.log('between')
        kernelBridge.display({ 'text/plain': 'step 2' }, { displayId: 'progress', update: true })
    """)
    assert shown.kinds[1:] == ["display_data", "display_data", "stream", "update_display_data"]
    plain, live = shown.of("display_data")
    assert plain == {
        "data": {"text/plain": "a"},
        "metadata": {"liandan": {"figure": "f"}},
        "transient": {},
    }
    assert live["transient"] == {"display_id": "progress"}
    (update,) = shown.of("update_display_data")
    assert (update["data"], update["transient"]) == ({"text/plain": "step 2"}, {"display_id": "progress"})
    assert "needs the displayId" in shared.run("kernelBridge.display({}, { update: true })").error["evalue"]


def test_numbers_and_bytes_travel_as_json(shared: Kernel):
    shown = shared.run("""
        (globalThis as any)[Symbol.for('liandan.kernel')].display({
            'application/json': { y: new Float32Array([1, 2.5]), n: [NaN] },
            'image/png': new Uint8Array([137, 80]),
            'image/jpeg': Buffer.from([255, 216]),
        })
    """)
    data = shown.of("display_data")[0]["data"]
    assert data["application/json"] == {"y": [1, 2.5], "n": [None]}
    assert (data["image/png"], data["image/jpeg"]) == ("iVA=", "/9g=")
    assert json.dumps(data)


def test_reading_input_fails_clearly_where_nobody_answers(shared: Kernel):
    for code in ["process.stdin.read()", "prompt('name?')"]:
        assert "cannot read from standard input" in shared.run(code, allow_stdin=False).error["evalue"]


def test_the_process_is_not_ended_by_a_cell(shared: Kernel):
    failed = shared.run("console.log('kept')\nprocess.exit(3)")
    assert failed.text() == "kept\n"
    assert "process.exit() would end the kernel" in failed.error["evalue"]
    assert "→ 2  process.exit(3)" in failed.traceback


def test_typescript_files_of_the_repository_can_be_imported(elsewhere: Kernel):
    elsewhere.value("import { double } from './notebooks/helper'")
    assert elsewhere.value("double(21)") == "42"
    failed = elsewhere.run("double(-1)")
    assert failed.error["evalue"] == "negative"
    assert "notebooks/helper.ts:2:" in failed.traceback
    assert "if (x < 0) throw new Error('negative');" in failed.traceback


def test_changed_and_new_typescript_files_are_noticed(elsewhere: Kernel, small_repository: Path):
    cell = "import { square } from './notebooks/squares'\nsquare(3)"
    assert "TS2307" in elsewhere.run(cell).error["evalue"]
    file = small_repository / "notebooks" / "squares.ts"
    file.write_text("export const square = (x: number): number => x * x;\n")
    assert wait_until(lambda: elsewhere.run(cell).result == "9", within=10)
    file.write_text("export const square = (x: number): string => `${x}²`;\n")
    assert wait_until(lambda: elsewhere.run(cell).result == "3²", within=10)


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("let sum = 0; for (let i = 0; i < 1000; i++) sum += i", "499500"),
        ("for (let i = 0; i < 1000; i++) sum += 1", "500500"),
        ("for (const x of [1, 2, 3]) { if (x > 2) throw new Error('stop'); sum = x }", "2"),
        ("const add = () => { sum++ }; for (let i = 0; i < 3; i++) add()", "5"),
        ("let unused = 1; for (const x of [1]) { ({ sum } = { sum: x + unused }) }", "2"),
        ("sum = await Promise.resolve(7); sum++", "8"),
        ("while (true) { sum++; if (sum > 20) break }", "21"),
        ("class Counts { get next() { return sum } }; const c = new Counts()", "21"),
        ("let seen = 0; for (let i = 0; i < 3; i++) { sum++; seen += c.next }; sum = seen", "69"),
        ("let held = 0; const hold = () => ++held; for (let i = 0; i < 3; i++) held++; sum = held", "3"),
        ("hold(); sum = held", "4"),
        ("for (let i = 0; i < 2; i++) { held += 10; sum = hold() }", "26"),
    ],
)
def test_loops_change_variables_of_this_and_earlier_cells(shared: Kernel, code: str, value: str):
    shared.run(code)
    assert shared.value("sum") == value


def test_a_loop_that_is_interrupted_keeps_what_it_has_counted(shared: Kernel):
    shared.value("let earlier = 0")
    for name, head in [("counted", "let counted = 0;"), ("earlier", "")]:
        execution, _ = shared.interrupt_while_printing(f"{head} console.log('go'); for (;;) {name}++")
        assert execution.error["ename"] == "KeyboardInterrupt"
        assert shared.value(f"{name} > 1e6") == "true"
