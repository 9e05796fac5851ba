"""One process of the service under fault: started, killed, frozen, and asked whether it is ready."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from pathlib import Path

import aiohttp

CONFIG = Path(__file__).parent / "config"


class Service:
    """`followthrough run` of the fault run's configuration, with a name and a port of its own."""

    def __init__(self, folder: Path, name: str, settings: dict[str, str]) -> None:
        self.folder, self.name, self._settings = folder, name, settings
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: asyncio.subprocess.Process | None = None
        self.recoveries: list[float] = []

    async def start(self, role: str = "owner") -> None:
        """Start it and wait until it answers ready, in this role."""
        own = {
            "FOLLOWTHROUGH_DATA_DIR": str(self.folder / "data"),
            "FOLLOWTHROUGH_WEB__LISTEN": f"127.0.0.1:{self.port}",
            "FOLLOWTHROUGH_WEB__PUBLIC_URL": self.url,
        }
        arguments = (
            "-m",
            "service",
            "run",
            "--config",
            str(CONFIG),
            "--log-level",
            "warning",
            "--name",
            self.name,
        )
        began = time.monotonic()
        with (self.folder / "service.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, env=os.environ | self._settings | own, stdout=log, stderr=log
            )
        await self.is_now(role)
        self.recoveries.append(time.monotonic() - began)

    async def is_now(self, role: str) -> None:
        """Wait until it answers ready in this role."""
        assert self.process is not None
        async with aiohttp.ClientSession() as http:
            while not await self._is_ready(http, role):
                assert self.process.returncode is None, self.log()[-3000:]
                await asyncio.sleep(0.02)

    async def _is_ready(self, http: aiohttp.ClientSession, role: str) -> bool:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with http.get(
                f"{self.url}/health/ready", timeout=aiohttp.ClientTimeout(total=1)
            ) as response:
                return response.status == 200 and (await response.json())["role"] == role
        return False

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    def freeze(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
        await asyncio.wait_for(self.process.wait(), 30)

    def log(self) -> str:
        return (self.folder / "service.log").read_text()
