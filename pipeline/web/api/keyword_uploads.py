"""Owns a file of keywords on its way in: written to disk as it comes, read and judged before any transaction begins.

Who may not import is refused before the file has come.
"""

from __future__ import annotations

from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from pipeline.services import sites
from pipeline.services.keyword_files import KeywordFile, open_keyword_file
from pipeline.web.api.parameters import SiteId
from pipeline.web.operations import admit, require_secret

IMPORT_PATH_END: Final = "/keywords/import"
#: Files up to this size are not written to disk.
_IN_MEMORY_BYTES: Final = 1_000_000
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The file itself, whatever its type is said to be: CSV, TSV or one keyword a line.",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary"},
                "example": "Keyword,Volume\nstanding desk,1760\n",
            }
        },
    }
}


async def received(request: Request, site_id: SiteId) -> KeywordFile:
    """The file that the request brings, opened. RefusedFileError where it is of no use."""
    await run_in_threadpool(_require_site, request, site_id)
    return await _stored(request)


async def received_for_all(request: Request) -> KeywordFile:
    """The file that is brought for everybody, opened; who may not is refused before it has come."""
    await run_in_threadpool(_require_let_in, request)
    return await _stored(request)


Upload = Annotated[KeywordFile, Depends(received)]
UploadForAll = Annotated[KeywordFile, Depends(received_for_all)]


async def _stored(request: Request) -> KeywordFile:
    with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as file:
        async for chunk in request.stream():
            await run_in_threadpool(file.write, chunk)
        return await run_in_threadpool(_opened, file)


def _require_site(request: Request, site_id: int) -> None:
    require_secret(request)
    database = request.app.state.backend.database()
    with database.reading() as session:
        caller = admit(session, request, now=database.now())
        sites.get_site(session, account_id=caller.account_id, site_id=site_id)


def _require_let_in(request: Request) -> None:
    require_secret(request)
    database = request.app.state.backend.database()
    with database.reading() as session:
        admit(session, request, now=database.now())


def _opened(file: SpooledTemporaryFile[bytes]) -> KeywordFile:
    file.seek(0)
    return open_keyword_file(file.read())
