"""What Visual Studio Code's Jupyter extension asks of a kernel, in the order in which it does."""

from conftest import Kernel


def test_a_session_of_visual_studio_code(start):
    kernel: Kernel = start()
    client = kernel.client
    # Start: information, and whether somebody else's widgets are open.
    assert kernel.reply(client.kernel_info())["language_info"]["name"] == "typescript"
    assert kernel.reply(client.comm_info())["comms"] == {}
    # Its first cell is silent and of no interest to the user.
    silent = kernel.run("1", silent=True, store_history=False, allow_stdin=True, stop_on_error=False)
    assert (silent.status, silent.kinds) == ("ok", [])
    # Cells, each with its own outputs, numbered from 1.
    first = kernel.run("const rate = 0.1\nrate", allow_stdin=True, stop_on_error=True)
    assert (first.result, first.reply["execution_count"]) == ("0.1", 1)
    # Completion while one types, with kinds for its icons.
    reply = kernel.reply(client.complete("rate.toFi", 9))
    kinds = {each["text"]: each["type"] for each in reply["metadata"]["_jupyter_types_experimental"]}
    assert kinds == {"toFixed": "method"}
    # Interrupt travels on the control channel and is answered while the cell runs.
    request = kernel.submit("console.log('busy')\nfor (;;) {}")
    kernel.next_output("stream")
    client.control_channel.send(client.session.msg("interrupt_request", {}))
    assert client.get_control_msg(timeout=10)["content"] == {"status": "ok"}
    assert kernel.collect(request).error["ename"] == "KeyboardInterrupt"
    # Restart keeps the ports; the client's old sockets go on.
    kernel.manager.restart_kernel()
    client.wait_for_ready(timeout=60)
    assert kernel.run("'again'").reply["execution_count"] == 1
