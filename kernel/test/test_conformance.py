"""Jupyter's own tests of a kernel. There is no test of the pager: TypeScript has no command that opens one."""

import sys

import jupyter_kernel_test
import pytest
from conftest import ROOT, Manager
from jupyter_client.manager import KernelManager


def start_new_kernel(
    startup_timeout: float = 60, kernel_name: str = "", **options: object
) -> tuple[KernelManager, object]:
    """As in jupyter_client, but the kernel of this checkout."""
    manager = Manager(ROOT, {})
    manager.start_kernel(cwd=str(ROOT))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=startup_timeout)
    return manager, client


@pytest.fixture(autouse=True, scope="module")
def this_checkout():
    module = sys.modules[jupyter_kernel_test.KernelTests.__module__]
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "start_new_kernel", start_new_kernel)
    patch.setattr(module, "KernelManager", lambda **_: Manager(ROOT, {}))
    yield
    patch.undo()


class TestConformance(jupyter_kernel_test.KernelTests):
    kernel_name = "liandan"
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = "console.log('hello, world')"
    code_stderr = "console.error('oops')"
    completion_samples = (
        {"text": "Math.sq", "matches": {"sqrt"}},
        {"text": "const sample = { alpha: 1, beta: 2 }; sample.", "matches": {"alpha", "beta"}},
        {"text": "JSON.str", "matches": {"stringify"}},
    )
    complete_code_samples = (
        "1",
        "console.log('hi')",
        "function f(x: number) {\n  return x * 2\n}",
        "const a = [1,\n2]",
        "// comment",
        "for (const x of [1]) {}",
        "class A<T> { x!: T }",
        "const s = `a\nb`",
        "await Promise.resolve(1)",
    )
    incomplete_code_samples = (
        "console.log('hi",
        "function f(x) {\n  return x * 2",
        "[1, 2,",
        "const s = `abc",
        "if (true) {",
        "/* open comment",
        "const x =",
    )
    invalid_code_samples = ("let 1x = 2", "const = 3", "foo bar baz", "}", "a b c (")
    code_generate_error = "throw new Error('boom')"
    code_execute_result = (
        {"code": "1 + 1", "result": "2"},
        {"code": "[1, 2, 3].map((x) => x * 2)", "result": "[ 2, 4, 6 ]"},
    )
    code_history_pattern = "1?+*"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Math.sqrt"
    code_clear_output = "console.clear()"
    code_display_data = (
        {
            "code": "import { display } from 'liandan'; display({ 'text/html': '<b>x</b>' })",
            "mime": "text/html",
        },
        {"code": "import { markdown } from 'liandan'; markdown('**x**')", "mime": "text/markdown"},
    )


class TestIopubWelcome(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "liandan"
    support_iopub_welcome = True
