"""One process of the service under fault: started, killed, frozen, and asked whether it is ready."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

CONFIG = Path(__file__).parent / "config"


class Service:
    """`followthrough run` of the fault run's configuration, with a name, a role and a port of its own."""

    def __init__(self, folder: Path, name: str, settings: dict[str, str], role: str = "all") -> None:
        self.folder, self.name, self.role, self._settings = folder, name, role, settings
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: asyncio.subprocess.Process | None = None
        self.recoveries: list[float] = []

    @property
    def is_worker(self) -> bool:
        return self.role in ("all", "worker")

    async def start(self, as_: str = "", *, accepts_loss: bool = False) -> None:
        """Start it and wait until it answers ready: as this (owner, standby), by default what its role is for."""
        await self.launch(accepts_loss=accepts_loss)
        await self.is_now(as_ or ("owner" if self.is_worker else self.role))
        self.recoveries.append(time.monotonic() - self.began)

    async def launch(self, *, accepts_loss: bool = False) -> None:
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
            *("--name", self.name, "--role", self.role),
            *(["--accept-state-loss"] if accepts_loss else []),
        )
        self.began = time.monotonic()
        with (self.folder / "service.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *arguments, env=os.environ | own | self._settings, stdout=log, stderr=log
            )

    async def is_now(self, role: str) -> None:
        """Wait until it answers ready in this role."""
        assert self.process is not None
        async with aiohttp.ClientSession() as http:
            while not await self._is_ready(http, role):
                assert self.process.returncode is None, self.log()[-3000:]
                await asyncio.sleep(0.02)

    async def _is_ready(self, http: aiohttp.ClientSession, role: str) -> bool:
        told = await self._readiness(http)
        return told.get("status") == "ready" and told["role"] == role

    async def _readiness(self, http: aiohttp.ClientSession) -> dict[str, Any]:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with http.get(
                f"{self.url}/health/ready", timeout=aiohttp.ClientTimeout(total=2)
            ) as response:
                return dict(await response.json())
        return {}

    async def reasons(self) -> list[str]:
        """Why it is not ready."""
        async with aiohttp.ClientSession() as http:
            return [str(reason) for reason in (await self._readiness(http)).get("reasons", [])]

    async def shards_owned(self) -> int:
        async with aiohttp.ClientSession() as http, http.get(f"{self.url}/metrics") as response:
            found = re.search(r"^followthrough_shards_owned (\S+)", await response.text(), re.MULTILINE)
        return int(float(found.group(1))) if found else 0

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
