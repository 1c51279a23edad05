"""Django, for WSGI (`wsgi`), ASGI (`asgi`) and Channels (`channels`).

With `LOOSE_URLS` the routes ignore case, and take a suffix that names a format, as Django REST framework's
`format_suffix_patterns` makes them.
"""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path, re_path

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)


def view(served):
    def answer(request, **_):
        variables = [[name, value] for name, value in request.META.items() if isinstance(value, str)]
        return JsonResponse(
            {
                "served": served,
                "path": request.path_info,
                "method": request.method,
                "host": request.get_host(),
                "scheme": request.scheme,
                "user": request.META.get("REMOTE_USER"),
                "variables": variables,
            }
        )

    return answer


ROUTES = ["/admin/secret", "/rest/users", "/internal/keys", "/orders"]
if os.environ.get("LOOSE_URLS"):
    urlpatterns = [
        re_path(rf"(?i)^{route[1:]}(?:\.(?P<format>[a-z0-9]+))?/?$", view(route)) for route in ROUTES
    ]
else:
    urlpatterns = [path(route[1:], view(route)) for route in ROUTES]
urlpatterns += [path("public/<path:rest>", view("/public")), re_path("", view("/"))]

wsgi = get_wsgi_application()
asgi = get_asgi_application()


def channels():
    from channels.routing import ProtocolTypeRouter

    return ProtocolTypeRouter({"http": asgi})


if os.environ.get("WITH_CHANNELS"):
    channels = channels()
