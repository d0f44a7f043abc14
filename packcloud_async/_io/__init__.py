"""Acts: everything that touches asyncio, aiohttp and backoff."""
