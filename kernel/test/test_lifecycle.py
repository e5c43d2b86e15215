"""Start, restart, shutdown, and the end of whoever started the kernel."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, Kernel, is_running, wait_until

BUSY = "console.log('busy')\nfor (;;) {}"


def test_kernel_info(shared: Kernel):
    request = shared.client.kernel_info()
    info = shared.reply(request)
    assert (info["status"], info["implementation"], info["protocol_version"]) == ("ok", "liandan", "5.3")
    language = info["language_info"]
    assert (language["name"], language["file_extension"], language["mimetype"]) == (
        "typescript",
        ".ts",
        "text/typescript",
    )
    assert info["banner"].startswith("TypeScript 5.9")


def test_a_restart_begins_anew(start):
    kernel = start()
    kernel.value("const before = 1")
    first = kernel.pid
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=60)
    assert kernel.pid != first and not is_running(first)
    missing = kernel.run("before")
    assert missing.reply["execution_count"] == 1
    assert "Cannot find name 'before'" in missing.error["evalue"]


def test_a_restart_during_a_start_begins_anew_too(start):
    kernel = start()
    for pause in [0, 0.05, 0.1, 0.2, 0.3]:
        kernel.manager.restart_kernel(now=True)
        time.sleep(pause)
        kernel.manager.restart_kernel(now=True)
        kernel.client.wait_for_ready(timeout=20)
        assert kernel.value("1 + 1") == "2"


def test_shutdown_is_answered_and_ends_the_process(start):
    kernel = start()
    pid = kernel.pid
    request = kernel.client.session.msg("shutdown_request", {"restart": False})
    kernel.client.control_channel.send(request)
    reply = kernel.client.get_control_msg(timeout=10)
    assert (reply["msg_type"], reply["content"]) == ("shutdown_reply", {"status": "ok", "restart": False})
    assert wait_until(lambda: not is_running(pid), within=5)


def test_a_busy_kernel_is_alive_and_shuts_down(start):
    kernel = start()
    pid = kernel.pid
    kernel.submit(BUSY)
    kernel.next_output("stream")
    time.sleep(1.5)
    assert kernel.client.hb_channel.is_beating()
    begin = time.monotonic()
    kernel.manager.shutdown_kernel()
    assert not is_running(pid)
    assert time.monotonic() - begin < 4


@pytest.mark.parametrize("code", ["1", BUSY], ids=["idle", "busy"])
def test_the_kernel_ends_with_its_parent(code: str, tmp_path: Path):
    program = tmp_path / "parent.py"
    program.write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(ROOT / 'kernel' / 'test')!r})\n"
        "from conftest import Kernel\n"
        "kernel = Kernel()\n"
        f"kernel.submit({code!r})\n"
        "kernel.next_output('execute_input')\n"
        "print(kernel.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert wait_until(lambda: not is_running(pid), within=6)


def test_messages_with_a_wrong_signature_are_ignored(shared: Kernel):
    session = shared.client.session
    key = session.key
    session.key = b"wrong"
    shared.submit("globalThis.process.title = 'intruder'")
    session.key = key
    assert shared.value("process.title") != "intruder"


def test_requests_that_are_not_supported_do_not_disturb(shared: Kernel):
    send = shared.client.shell_channel.send
    for kind, content in [
        ("comm_open", {"comm_id": "1", "target_name": "x", "data": {}}),
        ("unheard_of_request", {}),
    ]:
        send(shared.client.session.msg(kind, content))
    assert shared.reply(shared.client.comm_info())["comms"] == {}
    assert shared.value("1 + 1") == "2"


def test_a_kernel_starts_within_seconds(shared: Kernel):
    assert shared.seconds_to_start < 15


def test_cells_with_large_libraries_compile_quickly(shared: Kernel):
    shared.value("import * as tensors from '@tensorflow/tfjs-node-gpu'")
    shared.value("import * as frames from 'danfojs-node'\nimport * as library from 'liandan'")
    times = []
    for i in range(8):
        begin = time.monotonic()
        shared.value(f"const tensor{i} = tensors.scalar({i})\nnew frames.DataFrame([[{i}]]).shape")
        times.append(time.monotonic() - begin)
    assert sorted(times)[len(times) // 2] < 0.5, times


def test_an_unusable_tsconfig_is_named(tmp_path: Path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "tsconfig.json").write_text('{ "compilerOptions": { "strict": "perhaps" } }')
    connection = tmp_path / "connection.json"
    ports = {f"{name}_port": 0 for name in ("shell", "iopub", "stdin", "control", "hb")}
    connection.write_text(json.dumps({"transport": "tcp", "ip": "127.0.0.1", "key": "", **ports}))
    ended = subprocess.run(
        check=False,
        args=["node", str(ROOT / "kernel" / "dist" / "main.js"), "--config-path", str(connection)],
        env={**os.environ, "LIANDAN_ROOT": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode != 0
    assert "tsconfig.json: Compiler option 'strict' requires a value of type boolean" in ended.stderr


def test_tensorflow_finds_its_environment_before_the_library_is_loaded_and_what_the_user_has_set_in_it(start):
    kernel = start(NVIDIA_TF32_OVERRIDE="1", CUDA_VISIBLE_DEVICES="2,3")
    kernel.value("import * as first from '@tensorflow/tfjs-node-gpu'")
    names = ["NVIDIA_TF32_OVERRIDE", "CUDA_VISIBLE_DEVICES", "TF_ENABLE_ONEDNN_OPTS", "TF_FORCE_GPU_ALLOW_GROWTH"]
    seen = kernel.value(f"{json.dumps(names)}.map((name) => process.env[name]).join()")
    assert "1,2,0,true" in seen
