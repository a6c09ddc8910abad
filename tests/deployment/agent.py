"""An agent with the official client, whose tools are a deployment's: `agent.py URL MODE`, the mode as the client names it."""

import asyncio
import sys
from pathlib import Path

from mcp.client import Client

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "mcp"))

from journey import Tasks, form  # noqa: E402


async def main(url: str, mode: str) -> None:
    extensions = [] if mode == "legacy" else [Tasks()]
    async with Client(url, mode=mode, extensions=extensions, elicitation_callback=form) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"greet", "delete_file", "enqueue_task"} <= tools and "hidden" not in tools, tools
        asked = {"task_type": "greet", "payload": {"name": "Eve"}, "idempotency_key": f"k-{mode}"}
        one, same = [(await client.call_tool("enqueue_task", asked)).structured_content for _ in range(2)]
        assert one["id"] == same["id"] and same["deduplicated"], (one, same)
        # Here nobody waits: who knows no tasks asks again and again.
        done = one
        while done["status"] in ("pending", "running"):
            await asyncio.sleep(0.2)
            done = (await client.call_tool("get_task", {"id": one["id"]})).structured_content
        assert done["output"] == "Hello, Eve!", done
        if mode != "legacy":
            greeted = await client.call_tool("greet", {"name": "Ada"})
            assert not greeted.is_error and greeted.content[0].text == "Hello, Ada!", greeted
            # It asks the agent's user, and goes on with the answer.
            deleted = await client.call_tool("delete_file", {"name": "a"})
            assert deleted.structured_content == {"deleted": "a", "note": "yes"}, deleted
        listed = (await client.call_tool("list_tasks", {"status": "completed", "task_type": "greet"})).structured_content
        assert one["id"] in [task["id"] for task in listed["items"]], listed


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
