"""What the project's own TypeScript accepts runs, in one cell and across cells; imports are those of a modern program."""

import json
import textwrap
import time
from pathlib import Path

import pytest
from conftest import Kernel

CELLS = {
    "local interface": "function makeRun() { interface Run { loss: number } return { loss: 1 } as Run }\nmakeRun().loss",
    "local class": "const make = () => { class Local { private a = 2; get() { return this.a } } return new Local() }\nmake().get()",
    "private field of a class expression": "const Counter = class { private n = 0; next() { return ++this.n } }\nnew Counter().next()",
    "mixin": (
        "type Constructor<T = object> = new (...a: any[]) => T\n"
        "function Scaled<B extends Constructor>(Base: B) {\n"
        "  return class extends Base { protected scale = 2; get doubled() { return this.scale } }\n"
        "}\n"
        "new (Scaled(class {}))().doubled"
    ),
    "local enum": "function level() { enum Level { High = 3 } return Level.High }\nlevel()",
    "generic local interface": "const wrapped = <T,>(v: T) => { interface W { v: T } const w: W = { v }; return w }\nwrapped(5).v",
    "export const": "export const exported = 1\nexported",
    "pasted module": "export interface Settings { lr: number }\nexport function run(s: Settings) { return s.lr }\nexport default run\nrun({ lr: 2 })",
    "declare global": "declare global { interface Array<T> { lastOne(): T } }\nArray.prototype.lastOne = function () { return this[this.length - 1] };\n[1, 2].lastOne()",
    "module augmentation": "declare module 'node:fs' { interface Extra { a: number } }\n1",
    "standard decorator": "function twice(f: () => number, _: ClassMethodDecoratorContext) { return () => 2 * f() }\nclass D { @twice m() { return 4 } }\nnew D().m()",
    "using": "const order: string[] = [];\n{ using r = { [Symbol.dispose]() { order.push('end') } }; order.push('body') }\norder.join()",
    "inferred predicate": "const numbers: number[] = [1, null, 2].filter((x) => x !== null)\nnumbers.length",
    "ES2023": "[3, 1].toSorted()[0]",
    "import.meta": "typeof import.meta.url + typeof import.meta.dirname",
    "var in a block": "for (var i = 0; i < 3; i++);\ni",
    "shebang": "#!/usr/bin/env node\n'ran'",
    "names of the wrapper": "const exports = 5, module = 6\nexports + module",
}
RESULTS = [
    "1",
    "2",
    "1",
    "2",
    "3",
    "5",
    "1",
    "2",
    "2",
    "1",
    "8",
    "body,end",
    "2",
    "1",
    "stringstring",
    "3",
    "ran",
    "11",
]


@pytest.mark.parametrize(("code", "result"), zip(CELLS.values(), RESULTS, strict=True), ids=CELLS)
def test_valid_cells_run(shared: Kernel, code: str, result: str):
    assert shared.value(code) == result


def test_types_and_identity_survive_between_cells(shared: Kernel):
    shared.value(
        "class Model { private weights = 3; total() { return this.weights } }\nlet current = new Model()"
    )
    assert shared.value("current = new Model()\ncurrent.total()") == "3"
    assert "TS2341" in shared.run("current.weights").error["evalue"]
    shared.value("const fixedRate = 1")
    assert "TS2632" in shared.run("fixedRate = 2").error["evalue"]
    shared.value("class Model { weights = 'new' }")
    assert shared.value("current.total() + new Model().weights") == "3new"
    shared.value("const one = 1")
    assert shared.value("let wide = one\nwide = 7\nwide") == "7"
    shared.value("const enum Fast { Yes = 5 }")
    assert shared.value("Fast.Yes") == "5"


def test_functions_show_the_code_of_their_author(shared: Kernel):
    shared.value("const step = 2")
    shared.value("const stepped = (x: number) => x + step")
    assert shared.value("stepped.toString()") == "(x) => x + step"
    counted = "function counted(n) { for (let i = 0; i < n; i++) { n -= 2; } for (;;) { break; } return n; }"
    shared.value(counted.replace("(n)", "(n: number)"))
    assert " ".join(shared.value("counted.toString()").split()) == counted
    result = shared.value("""
        import { Worker } from 'node:worker_threads'
        function job() { let s = 0; for (let i = 0; i < 10; i++) s += i; return s }
        const program = `require('node:worker_threads').parentPort.postMessage((${job})())`
        const worker = new Worker(program, { eval: true })
        await new Promise((resolve) => worker.once('message', resolve))
    """)
    assert result == "45"


def test_the_next_cell_works_after_code_that_is_nested_too_deeply(shared: Kernel):
    for code in ["(" * 20_000 + "1" + ")" * 20_000, "[1]" + ".concat([2])" * 8_000]:
        assert shared.run(code).status == "error"
        assert shared.value("20 + 1") == "21"


def test_literals_nested_for_minutes_are_refused_and_their_values_are_not(shared: Kernel):
    literal = "[" * 3000 + "]" * 3000
    begin = time.monotonic()
    assert "JSON.parse" in shared.run(literal).error["evalue"]
    assert "[Array]" in (shared.value(f"JSON.parse('{literal}')") or "")
    assert time.monotonic() - begin < 20


@pytest.fixture(scope="module")
def project(small_repository: Path) -> Path:
    """Files and packages of the kinds that a modern program imports."""
    folder = small_repository / "modern"

    def write(name: str, text: str) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    for name, code in {
        "esm-only": "import process from 'node:process'; export const version = process.version;",
        "esm-waits": "export const waited = await Promise.resolve(42);",
    }.items():
        exports = {"types": "./index.d.ts", "import": "./index.js"}
        write(
            f"node_modules/{name}/package.json",
            json.dumps({"name": name, "type": "module", "exports": exports}),
        )
        write(f"node_modules/{name}/index.js", code)
        kind = "string" if "version" in code else "number"
        export = "version" if "version" in code else "waited"
        write(f"node_modules/{name}/index.d.ts", f"export declare const {export}: {kind};")
    write("package.ts", "export { version } from 'esm-only';\nexport * from 'esm-waits';\n")
    write("folder/index.ts", "export const inFolder = 'folder';\n")
    write("module.mts", "export const inModule = import.meta.url.endsWith('module.mts');\n")
    write("waits.ts", "export const later = await Promise.resolve('later');\nexport default class Named {}\n")
    write("never.ts", "export const never = await Promise.resolve('before');\n")
    write(
        "state.ts",
        "export let count = 0;\nexport const bump = () => ++count;\nexport { count as renamed };\n",
    )
    write(
        "circle-a.ts",
        "import { b } from './circle-b';\nexport const a = 'a';\nexport const both = () => a + b();\n",
    )
    write("circle-b.ts", "import { a } from './circle-a';\nexport const b = () => a.toUpperCase();\n")
    return folder


def test_modern_modules_can_be_imported(elsewhere: Kernel, project: Path):
    cell = """
        import { version, waited } from './modern/package'
        import { inFolder } from './modern/folder'
        import { inModule } from './modern/module.mjs'
        import Named, { later } from './modern/waits.ts'
        import { both } from './modern/circle-a'
        const typed: [string, number] = [version, waited];
        [typed[0].startsWith('v'), waited, inFolder, inModule, later, Named.name, both()].join()
    """
    assert elsewhere.value(cell) == "true,42,folder,true,later,Named,aA"
    assert elsewhere.value("(await import('./modern/folder')).inFolder") == "folder"
    assert elsewhere.value("require('./modern/folder').inFolder") == "folder"
    assert "top-level await" in elsewhere.run("require('./modern/never')").error["evalue"]


def test_imports_are_live(elsewhere: Kernel, project: Path):
    assert (
        elsewhere.value("import { bump, count, renamed } from './modern/state'\nbump()\ncount + renamed")
        == "2"
    )
    assert elsewhere.value("bump()\ncount") == "2"


def test_an_edited_file_reaches_all_that_imports_it(elsewhere: Kernel, project: Path):
    layers, model, settings = project / "layers.ts", project / "model.ts", project / "settings.json"
    layers.write_text("export const scale = () => 1;\n")
    model.write_text("import { scale } from './layers';\nexport const predict = () => 10 * scale();\n")
    settings.write_text('{ "rate": 1 }')
    cell = "import { predict } from './modern/model'\nimport settings from './modern/settings.json'\n[predict(), settings.rate]"
    assert elsewhere.value(cell) == "[ 10, 1 ]"
    layers.write_text("export const scale = () => 22;\n")
    settings.write_text('{ "rate": "fast" }')
    assert elsewhere.value(cell) == "[ 220, 'fast' ]"
    layers.write_text("export const scale = () => 'three';\n")
    failed = elsewhere.run(cell)
    assert failed.error["evalue"].startswith("modern/model.ts:2:")
    (project / "plain.js").write_text("exports.value = 1;\n")
    (project / "plain.d.ts").write_text("export declare const value: number;\n")
    script = "import { value } from './modern/plain'\nvalue"
    assert elsewhere.value(script) == "1"
    (project / "plain.js").write_text("exports.value = 2222;\n")
    assert elsewhere.value(script) == "2222"


def test_cells_for_tslab_show_their_output(shared: Kernel):
    shown = shared.run("import { display } from 'tslab'\ndisplay.html('<b>x</b>')")
    assert shown.of("display_data")[0]["data"] == {"text/html": "<b>x</b>"}
