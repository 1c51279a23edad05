"""Starlette: what an ASGI app sees."""

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def view(served):
    async def answer(request):
        variables = [[name, value] for name, value in request.headers.items()]
        return JSONResponse(
            {
                "served": served,
                "path": request.scope["path"],
                "method": request.method,
                "host": request.url.netloc,
                "scheme": request.url.scheme,
                "variables": variables + [["root_path", request.scope.get("root_path", "")]],
            }
        )

    return answer


routes = [Route(route, view(route), methods=METHODS) for route in ["/admin/secret", "/rest/users", "/internal/keys", "/orders"]]
routes += [
    Route("/public/{rest:path}", view("/public"), methods=METHODS),
    Route("/{rest:path}", view("/"), methods=METHODS),
]
app = Starlette(routes=routes)
