"""What a user's program does with the official client: `journey.py URL MODE`, the mode as the client names it."""

import asyncio
import sys
from typing import Any, Literal

import mcp_types as types
from mcp.client import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim


class Handle(types.Result):
    """A task's handle, as the extension has it."""

    result_type: Literal["task"] = "task"
    task_id: str
    status: str


class Task(types.Result):
    """A task, as it is."""

    status: str
    result: dict[str, Any] | None = None
    input_requests: dict[str, Any] | None = None


class Named(types.RequestParams):
    """Which task."""

    task_id: str
    input_responses: dict[str, Any] | None = None


class Get(types.Request[Named, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    params: Named
    name_param = "taskId"


class Update(types.Request[Named, Literal["tasks/update"]]):
    method: Literal["tasks/update"] = "tasks/update"
    params: Named
    name_param = "taskId"


class Tasks(ClientExtension):
    """The extension: a call that becomes a task is followed to its end, its questions answered with a note."""

    identifier = "io.modelcontextprotocol/tasks"

    def claims(self) -> list[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Handle, resolve=self.follow)]

    async def follow(self, handle: Handle, ctx: ClaimContext) -> types.CallToolResult:
        named = Named(task_id=handle.task_id)
        while True:
            task = await ctx.session.send_request(Get(params=named), Task)
            if task.result is not None:
                return types.CallToolResult.model_validate(task.result)
            if task.input_requests:
                said = {key: {"action": "accept", "content": {"note": "yes"}} for key in task.input_requests}
                answered = Named(task_id=handle.task_id, input_responses=said)
                await ctx.session.send_request(Update(params=answered), types.Result)
            await asyncio.sleep(0.05)


async def form(*_: Any) -> types.ElicitResult:
    """That there is one declares forms; the questions of tasks are answered above."""
    return types.ElicitResult(action="cancel")


async def main(url: str, mode: str) -> None:
    extensions = [] if mode == "legacy" else [Tasks()]
    async with Client(url, mode=mode, extensions=extensions, elicitation_callback=form) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"greet", "enqueue_task"} <= tools and "hidden" not in tools, tools
        # Who names its revision need not ask the server for its name.
        assert client.server_info is None or client.server_info.name == "errand", client.server_info

        greeted = await client.call_tool("greet", {"name": "Ada"})
        assert not greeted.is_error and greeted.content[0].text == "Hello, Ada!", greeted
        computed = await client.call_tool("slow_compute", {"seconds": 1, "label": "x"})
        assert computed.structured_content == {"label": "x"}, computed
        failed = await client.call_tool("failing_job", {})
        assert failed.is_error and "the tool broke" in failed.content[0].text, failed

        asked = await client.call_tool("confirm_delete", {"filename": "a"})
        if mode == "legacy":
            # Who takes no tasks is told where the question is, and how to answer it.
            assert asked.is_error and "retry_task" in asked.content[0].text, asked
        else:
            assert asked.structured_content == {"deleted": "a", "note": "yes"}, asked

        asked = {"task_type": "greet", "payload": {"name": "Eve"}, "idempotency_key": f"k-{mode}"}
        one, same = [(await client.call_tool("enqueue_task", asked)).structured_content for _ in range(2)]
        assert one["id"] == same["id"] and same["deduplicated"], (one, same)
        done = await client.call_tool("get_task", {"id": one["id"], "wait_s": 20})
        assert done.structured_content["output"] == "Hello, Eve!", done
        # Of a blocked task it is the note that it was waiting for; of one that failed, a word to go on with.
        listed = await client.call_tool("list_tasks", {"status": "failed", "task_type": "failing_job"})
        (task, *_) = listed.structured_content["items"]
        retried = await client.call_tool("retry_task", {"id": task["id"], "note": "mend it"})
        assert not retried.is_error, retried
        mended = await client.call_tool("get_task", {"id": task["id"], "wait_s": 20})
        assert mended.structured_content["output"] == "mended", mended


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
